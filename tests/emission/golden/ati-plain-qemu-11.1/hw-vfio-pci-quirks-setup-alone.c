/* SPDX-License-Identifier: GPL-2.0-or-later */

    /* in vfio_bar_quirk_setup() */
    vfio_ati_plain_bar_quirks(vdev, nr);
    /* in vfio_vga_quirk_setup() */
    vfio_ati_plain_vga_quirks(vdev);
