/* SPDX-License-Identifier: GPL-2.0-or-later */

void vfio_ati_plain_bar_quirks(VFIOPCIDevice *vdev, int nr);
void vfio_ati_plain_vga_quirks(VFIOPCIDevice *vdev);
