/* SPDX-License-Identifier: GPL-2.0-or-later */

    /* in vfio_bar_quirk_setup() */
    vfio_probe_rtl8168_bar2_74_msix_quirk(vdev, nr);
    vfio_probe_rtl8168_bar2_68_config_quirk(vdev, nr);
