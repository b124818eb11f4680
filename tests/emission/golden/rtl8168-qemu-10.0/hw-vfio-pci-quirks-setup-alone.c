/* SPDX-License-Identifier: GPL-2.0-or-later */

    /* in vfio_bar_quirk_setup() */
    vfio_rtl8168_bar_quirks(vdev, nr);
