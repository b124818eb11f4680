/* SPDX-License-Identifier: GPL-2.0-or-later */

    /* in vfio_bar_quirk_setup() */
    vfio_probe_ati_plain_bar4_window_quirk(vdev, nr);
    vfio_probe_ati_plain_bar2_mirror_quirk(vdev, nr);
    /* in vfio_vga_quirk_setup() */
    vfio_probe_ati_plain_vga_3c3_leak_quirk(vdev);
