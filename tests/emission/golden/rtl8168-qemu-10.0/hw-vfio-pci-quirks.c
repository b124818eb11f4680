/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The devices with these back doors; every BAR that a quirk below relies on is
 * of the right kind.
 */
static bool vfio_rtl8168_is(VFIOPCIDevice *vdev)
{
    return vfio_pci_is(vdev, PCI_VENDOR_ID_REALTEK, 0x8168) &&
           !vdev->bars[2].ioport &&
           vdev->bars[2].mem64 &&
           vdev->bars[2].region.size >= 0x100;
}

/* What an address value reaches. */
enum {
    VFIO_RTL8168_HARDWARE,
    VFIO_RTL8168_CONFIG,
    VFIO_RTL8168_MSIX_TABLE,
    VFIO_RTL8168_LEAK,
};

/* A register after a write of size bytes at its byte addr. */
static uint32_t vfio_rtl8168_merge(uint32_t old, hwaddr addr, uint64_t data,
                                   unsigned size)
{
    if (addr + size > sizeof(old)) {
        return data;
    }
    return deposit32(old, addr * 8, size * 8, data);
}

/*
 * Config space as the guest has it. An offset it does not have reads as all
 * ones.
 */
static uint64_t vfio_rtl8168_config_read(VFIOPCIDevice *vdev, uint32_t offset,
                                         unsigned size)
{
    if (offset + size > vdev->config_size) {
        return UINT64_MAX;
    }
    return vfio_pci_read_config(PCI_DEVICE(vdev), offset, size);
}

/*
 * A write to config space as the guest has it. Lost where there is no such
 * offset.
 */
static void vfio_rtl8168_config_write(VFIOPCIDevice *vdev, uint32_t offset,
                                      uint64_t data, unsigned size)
{
    if (offset + size <= vdev->config_size) {
        vfio_pci_write_config(PCI_DEVICE(vdev), offset, data, size);
    }
}

/*
 * The MSI-X table that QEMU keeps for the guest; outside of it reads are 0 and
 * writes are lost.
 */
static bool vfio_rtl8168_msix_has(PCIDevice *pdev, uint32_t offset,
                                  unsigned size)
{
    return (pdev->cap_present & QEMU_PCI_CAP_MSIX) &&
           offset + size <= pdev->msix_entries_nr * PCI_MSIX_ENTRY_SIZE;
}

static uint64_t vfio_rtl8168_msix_read(VFIOPCIDevice *vdev, uint32_t offset,
                                       unsigned size)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint64_t value = 0;

    if (vfio_rtl8168_msix_has(pdev, offset, size)) {
        memory_region_dispatch_read(&pdev->msix_table_mmio, offset, &value,
                                    size_memop(size) | MO_LE,
                                    MEMTXATTRS_UNSPECIFIED);
    }
    return value;
}

static void vfio_rtl8168_msix_write(VFIOPCIDevice *vdev, uint32_t offset,
                                    uint64_t data, unsigned size)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);

    if (vfio_rtl8168_msix_has(pdev, offset, size)) {
        memory_region_dispatch_write(&pdev->msix_table_mmio, offset, data,
                                     size_memop(size) | MO_LE,
                                     MEMTXATTRS_UNSPECIFIED);
    }
}

/*
 * 10ec:8168, BAR2: window at 0x74 (address) and 0x70 (data)
 *
 * Through an address register and a data register in BAR2 the guest reaches
 * the MSI-X table where (address & ~0xffff) == 0x10000. Without the quirk it
 * reads there what the host has: the addresses of the BARs on the host.
 *
 * Bits 0x80000000 of the address register are command and completion flag: the
 * guest writes the address with the command and reads the register until the
 * flag says done.
 *
 * In this quirk writes end in the guest's config space and do not reach the
 * device.
 *
 * No count of the accesses that speak for it; verdict none, confidence 0.00;
 * replay: not replayed.
 */
typedef struct VFIORtl8168Bar274MsixQuirk {
    VFIOPCIDevice *vdev;
    uint32_t address;
    bool addressed;
    uint32_t data;
} VFIORtl8168Bar274MsixQuirk;

/* What the registers select, and the offset in it. */
static int vfio_rtl8168_bar2_74_msix_decode(const VFIORtl8168Bar274MsixQuirk *state,
                                            uint32_t *offset)
{
    uint32_t value = state->address & ~0x80000000U;

    if (!state->addressed) {
        return VFIO_RTL8168_HARDWARE;
    }
    if ((value & ~0xffffU) == 0x10000) {
        *offset = value & 0xfff;
        return VFIO_RTL8168_MSIX_TABLE;
    }
    return VFIO_RTL8168_HARDWARE;
}

static uint64_t vfio_rtl8168_bar2_74_msix_target_read(VFIORtl8168Bar274MsixQuirk *state,
                                                      int target,
                                                      uint32_t offset,
                                                      uint64_t data,
                                                      unsigned size)
{
    if (target == VFIO_RTL8168_MSIX_TABLE) {
        return vfio_rtl8168_msix_read(state->vdev, offset, size);
    }
    return data;
}

static void vfio_rtl8168_bar2_74_msix_target_write(VFIORtl8168Bar274MsixQuirk *state,
                                                   int target, uint32_t offset,
                                                   uint64_t data, unsigned size)
{
    if (target == VFIO_RTL8168_MSIX_TABLE) {
        vfio_rtl8168_msix_write(state->vdev, offset, data, size);
    }
}

static uint64_t vfio_rtl8168_bar2_74_msix_register_70_read(void *opaque,
                                                           hwaddr addr,
                                                           unsigned size)
{
    VFIORtl8168Bar274MsixQuirk *state = opaque;
    uint64_t data = vfio_region_read(&state->vdev->bars[2].region, addr + 0x70,
                                     size);
    uint32_t offset = 0;
    int target = vfio_rtl8168_bar2_74_msix_decode(state, &offset);

    if (target != VFIO_RTL8168_HARDWARE) {
        data = vfio_rtl8168_bar2_74_msix_target_read(state, target, offset,
                                                     data, size);
        trace_vfio_quirk_rtl8168_bar2_74_msix_read(state->vdev->vbasedev.name,
                                                   offset, data);
    }
    return data;
}

static void vfio_rtl8168_bar2_74_msix_register_70_write(void *opaque,
                                                        hwaddr addr,
                                                        uint64_t data,
                                                        unsigned size)
{
    VFIORtl8168Bar274MsixQuirk *state = opaque;

    state->data = vfio_rtl8168_merge(state->data, addr, data, size);
    vfio_region_write(&state->vdev->bars[2].region, addr + 0x70, data, size);
}

static const MemoryRegionOps vfio_rtl8168_bar2_74_msix_register_70_ops = {
    .read = vfio_rtl8168_bar2_74_msix_register_70_read,
    .write = vfio_rtl8168_bar2_74_msix_register_70_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static uint64_t vfio_rtl8168_bar2_74_msix_register_74_read(void *opaque,
                                                           hwaddr addr,
                                                           unsigned size)
{
    VFIORtl8168Bar274MsixQuirk *state = opaque;
    uint64_t data = vfio_region_read(&state->vdev->bars[2].region, addr + 0x74,
                                     size);
    uint32_t offset = 0;
    int target = vfio_rtl8168_bar2_74_msix_decode(state, &offset);

    if (target != VFIO_RTL8168_HARDWARE && addr == 0) {
        if ((state->address & 0x80000000) == 0x0) {
            return (state->address & ~0x80000000U) | 0x80000000;
        }
        if ((state->address & 0x80000000) == 0x80000000) {
            return (state->address & ~0x80000000U) | 0x0;
        }
    }
    return data;
}

static void vfio_rtl8168_bar2_74_msix_register_74_write(void *opaque,
                                                        hwaddr addr,
                                                        uint64_t data,
                                                        unsigned size)
{
    VFIORtl8168Bar274MsixQuirk *state = opaque;
    uint32_t offset = 0;
    int target;

    state->address = vfio_rtl8168_merge(state->address, addr, data, size);
    state->addressed = true;
    target = vfio_rtl8168_bar2_74_msix_decode(state, &offset);
    if (target == VFIO_RTL8168_MSIX_TABLE &&
        (state->address & 0x80000000) == 0x80000000) {
        vfio_rtl8168_bar2_74_msix_target_write(state, target, offset,
                                               state->data, 4);
        trace_vfio_quirk_rtl8168_bar2_74_msix_write(state->vdev->vbasedev.name,
                                                    offset, state->data);
        return;
    }
    vfio_region_write(&state->vdev->bars[2].region, addr + 0x74, data, size);
}

static const MemoryRegionOps vfio_rtl8168_bar2_74_msix_register_74_ops = {
    .read = vfio_rtl8168_bar2_74_msix_register_74_read,
    .write = vfio_rtl8168_bar2_74_msix_register_74_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void vfio_rtl8168_bar2_74_msix_reset(VFIOPCIDevice *vdev,
                                            VFIOQuirk *quirk)
{
    VFIORtl8168Bar274MsixQuirk *state = quirk->data;

    *state = (VFIORtl8168Bar274MsixQuirk) { .vdev = vdev };
}

static void vfio_probe_rtl8168_bar2_74_msix_quirk(VFIOPCIDevice *vdev, int nr)
{
    VFIOQuirk *quirk;
    VFIORtl8168Bar274MsixQuirk *state;

    if (nr != 2 ||
        !vfio_rtl8168_is(vdev) ||
        vdev->bars[nr].region.size < 0x78) {
        return;
    }

    quirk = vfio_quirk_alloc(2);
    quirk->data = state = g_new0(VFIORtl8168Bar274MsixQuirk, 1);
    state->vdev = vdev;

    memory_region_init_io(&quirk->mem[0], OBJECT(vdev),
                          &vfio_rtl8168_bar2_74_msix_register_70_ops,
                          quirk->data, "vfio-rtl8168-bar2-74-msix-70-quirk", 4);
    /*
     * It is served by another region of this device: without this QEMU refuses
     * that.
     */
    quirk->mem[0].disable_reentrancy_guard = true;
    memory_region_add_subregion_overlap(vdev->bars[2].region.mem, 0x70,
                                        &quirk->mem[0], 1);

    memory_region_init_io(&quirk->mem[1], OBJECT(vdev),
                          &vfio_rtl8168_bar2_74_msix_register_74_ops,
                          quirk->data, "vfio-rtl8168-bar2-74-msix-74-quirk", 4);
    /*
     * It is served by another region of this device: without this QEMU refuses
     * that.
     */
    quirk->mem[1].disable_reentrancy_guard = true;
    memory_region_add_subregion_overlap(vdev->bars[2].region.mem, 0x74,
                                        &quirk->mem[1], 1);

    quirk->reset = vfio_rtl8168_bar2_74_msix_reset;
    QLIST_INSERT_HEAD(&vdev->bars[2].quirks, quirk, next);

    trace_vfio_quirk_rtl8168_bar2_74_msix_probe(vdev->vbasedev.name);
}

/*
 * 10ec:8168, BAR2: window at 0x68 (address) and 0x64 (data)
 *
 * Through an address register and a data register in BAR2 the guest reaches
 * config space where (address & ~0xffff) == 0x0. Without the quirk it reads
 * there what the host has: the addresses of the BARs on the host.
 *
 * Bits 0x80000000 of the address register are command and completion flag: the
 * guest writes the address with the command and reads the register until the
 * flag says done.
 *
 * In this quirk writes go to the guest's config space and to the device.
 *
 * No count of the accesses that speak for it; verdict none, confidence 0.00;
 * replay: not replayed.
 */
typedef struct VFIORtl8168Bar268ConfigQuirk {
    VFIOPCIDevice *vdev;
    uint32_t address;
    bool addressed;
    uint32_t data;
} VFIORtl8168Bar268ConfigQuirk;

/* What the registers select, and the offset in it. */
static int vfio_rtl8168_bar2_68_config_decode(const VFIORtl8168Bar268ConfigQuirk *state,
                                              uint32_t *offset)
{
    uint32_t value = state->address & ~0x80000000U;

    if (!state->addressed) {
        return VFIO_RTL8168_HARDWARE;
    }
    if ((value & ~0xffffU) == 0x0) {
        *offset = value & 0xfff;
        return VFIO_RTL8168_CONFIG;
    }
    return VFIO_RTL8168_HARDWARE;
}

static uint64_t vfio_rtl8168_bar2_68_config_target_read(VFIORtl8168Bar268ConfigQuirk *state,
                                                        int target,
                                                        uint32_t offset,
                                                        uint64_t data,
                                                        unsigned size)
{
    if (target == VFIO_RTL8168_CONFIG) {
        return vfio_rtl8168_config_read(state->vdev, offset, size);
    }
    return data;
}

static void vfio_rtl8168_bar2_68_config_target_write(VFIORtl8168Bar268ConfigQuirk *state,
                                                     int target,
                                                     uint32_t offset,
                                                     uint64_t data,
                                                     unsigned size)
{
    if (target == VFIO_RTL8168_CONFIG) {
        vfio_rtl8168_config_write(state->vdev, offset, data, size);
    }
}

static uint64_t vfio_rtl8168_bar2_68_config_register_64_read(void *opaque,
                                                             hwaddr addr,
                                                             unsigned size)
{
    VFIORtl8168Bar268ConfigQuirk *state = opaque;
    uint64_t data = vfio_region_read(&state->vdev->bars[2].region, addr + 0x64,
                                     size);
    uint32_t offset = 0;
    int target = vfio_rtl8168_bar2_68_config_decode(state, &offset);

    if (target != VFIO_RTL8168_HARDWARE) {
        data = vfio_rtl8168_bar2_68_config_target_read(state, target, offset,
                                                       data, size);
        trace_vfio_quirk_rtl8168_bar2_68_config_read(state->vdev->vbasedev.name,
                                                     offset, data);
    }
    return data;
}

static void vfio_rtl8168_bar2_68_config_register_64_write(void *opaque,
                                                          hwaddr addr,
                                                          uint64_t data,
                                                          unsigned size)
{
    VFIORtl8168Bar268ConfigQuirk *state = opaque;

    state->data = vfio_rtl8168_merge(state->data, addr, data, size);
    vfio_region_write(&state->vdev->bars[2].region, addr + 0x64, data, size);
}

static const MemoryRegionOps vfio_rtl8168_bar2_68_config_register_64_ops = {
    .read = vfio_rtl8168_bar2_68_config_register_64_read,
    .write = vfio_rtl8168_bar2_68_config_register_64_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static uint64_t vfio_rtl8168_bar2_68_config_register_68_read(void *opaque,
                                                             hwaddr addr,
                                                             unsigned size)
{
    VFIORtl8168Bar268ConfigQuirk *state = opaque;
    uint64_t data = vfio_region_read(&state->vdev->bars[2].region, addr + 0x68,
                                     size);
    uint32_t offset = 0;
    int target = vfio_rtl8168_bar2_68_config_decode(state, &offset);

    if (target != VFIO_RTL8168_HARDWARE && addr == 0) {
        if ((state->address & 0x80000000) == 0x0) {
            return (state->address & ~0x80000000U) | 0x80000000;
        }
    }
    return data;
}

static void vfio_rtl8168_bar2_68_config_register_68_write(void *opaque,
                                                          hwaddr addr,
                                                          uint64_t data,
                                                          unsigned size)
{
    VFIORtl8168Bar268ConfigQuirk *state = opaque;
    uint32_t offset = 0;
    int target;

    state->address = vfio_rtl8168_merge(state->address, addr, data, size);
    state->addressed = true;
    target = vfio_rtl8168_bar2_68_config_decode(state, &offset);
    if (target == VFIO_RTL8168_CONFIG &&
        (state->address & 0x80000000) == 0x80000000) {
        vfio_rtl8168_bar2_68_config_target_write(state, target, offset,
                                                 state->data, 4);
        trace_vfio_quirk_rtl8168_bar2_68_config_write(state->vdev->vbasedev.name,
                                                      offset, state->data);
    }
    vfio_region_write(&state->vdev->bars[2].region, addr + 0x68, data, size);
}

static const MemoryRegionOps vfio_rtl8168_bar2_68_config_register_68_ops = {
    .read = vfio_rtl8168_bar2_68_config_register_68_read,
    .write = vfio_rtl8168_bar2_68_config_register_68_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void vfio_rtl8168_bar2_68_config_reset(VFIOPCIDevice *vdev,
                                              VFIOQuirk *quirk)
{
    VFIORtl8168Bar268ConfigQuirk *state = quirk->data;

    *state = (VFIORtl8168Bar268ConfigQuirk) { .vdev = vdev };
}

static void vfio_probe_rtl8168_bar2_68_config_quirk(VFIOPCIDevice *vdev, int nr)
{
    VFIOQuirk *quirk;
    VFIORtl8168Bar268ConfigQuirk *state;

    if (nr != 2 ||
        !vfio_rtl8168_is(vdev) ||
        vdev->bars[nr].region.size < 0x6c) {
        return;
    }

    quirk = vfio_quirk_alloc(2);
    quirk->data = state = g_new0(VFIORtl8168Bar268ConfigQuirk, 1);
    state->vdev = vdev;

    memory_region_init_io(&quirk->mem[0], OBJECT(vdev),
                          &vfio_rtl8168_bar2_68_config_register_64_ops,
                          quirk->data, "vfio-rtl8168-bar2-68-config-64-quirk",
                          4);
    memory_region_add_subregion_overlap(vdev->bars[2].region.mem, 0x64,
                                        &quirk->mem[0], 1);

    memory_region_init_io(&quirk->mem[1], OBJECT(vdev),
                          &vfio_rtl8168_bar2_68_config_register_68_ops,
                          quirk->data, "vfio-rtl8168-bar2-68-config-68-quirk",
                          4);
    memory_region_add_subregion_overlap(vdev->bars[2].region.mem, 0x68,
                                        &quirk->mem[1], 1);

    quirk->reset = vfio_rtl8168_bar2_68_config_reset;
    QLIST_INSERT_HEAD(&vdev->bars[2].quirks, quirk, next);

    trace_vfio_quirk_rtl8168_bar2_68_config_probe(vdev->vbasedev.name);
}
