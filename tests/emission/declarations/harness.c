/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for emitted quirks: just enough behind the declarations to run
 * them. It reads accesses from standard input and prints what became of them.
 *
 *   r SPACE OFFSET SIZE         ->  = VALUE
 *   w SPACE OFFSET SIZE VALUE   ->  h/c/m lines for the device, config, MSI-X
 *
 * Each access ends with a line ".". SPACE is 0 to 5 for BARs, 8 for VGA ports.
 * Device and config space hold the pattern of the vectors, see there.
 */
#include <stdio.h>

#define CONFIG_SIZE 0x1000
#define MSIX_ENTRIES 16
#define BAR_SIZE 0x100000
#define VGA 8

static VFIOPCIDevice device;
static VFIOVGA vga;
static MemoryRegion containers[6];
static uint8_t config[CONFIG_SIZE], msix[MSIX_ENTRIES * 16];

static uint8_t pattern(int space, uint64_t offset)
{
    return offset * 5 + (offset >> 8) * 11 + space * 29 + 0x5a;
}

/* ---- what stands behind the quirks */

static uint64_t device_read(int space, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned at = 0; at < size; at++) {
        value |= (uint64_t)pattern(space, offset + at) << (8 * at);
    }
    return value;
}

static void device_write(int space, uint64_t offset, uint64_t data, unsigned size)
{
    uint64_t mask = size < 8 ? (1ULL << (8 * size)) - 1 : ~0ULL;

    printf("h %d %" PRIx64 " %u %" PRIx64 "\n", space, offset, size, data & mask);
}

uint64_t vfio_region_read(void *opaque, hwaddr addr, unsigned size)
{
    return device_read(((VFIORegion *)opaque)->nr, addr, size);
}

void vfio_region_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    device_write(((VFIORegion *)opaque)->nr, addr, data, size);
}

static uint64_t vga_base(void *opaque)
{
    return opaque == &vga.region[QEMU_PCI_VGA_IO_HI] ? 0x3c0 : 0x3b0;
}

uint64_t vfio_vga_read(void *opaque, hwaddr addr, unsigned size)
{
    return device_read(VGA, vga_base(opaque) + addr, size);
}

void vfio_vga_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    device_write(VGA, vga_base(opaque) + addr, data, size);
}

uint32_t vfio_pci_read_config(PCIDevice *pdev, uint32_t addr, int len)
{
    uint32_t value = 0;

    assert(addr + len <= CONFIG_SIZE);
    memcpy(&value, pdev->config + addr, len);
    return value;
}

void vfio_pci_write_config(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
    assert(addr + len <= CONFIG_SIZE);
    memcpy(pdev->config + addr, &val, len);
    printf("c %x %d %x\n", addr, len, len < 4 ? val & ((1u << (8 * len)) - 1) : val);
}

MemOp size_memop(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr addr, uint64_t *pval, MemOp op, MemTxAttrs attrs)
{
    assert(mr == &PCI_DEVICE(&device)->msix_table_mmio);
    *pval = 0;
    memcpy(pval, msix + addr, 1u << op);
    return 0;
}

MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr addr, uint64_t data, MemOp op, MemTxAttrs attrs)
{
    assert(mr == &PCI_DEVICE(&device)->msix_table_mmio);
    memcpy(msix + addr, &data, 1u << op);
    device_write(-1, addr, data, 1u << op);
    return 0;
}

/* ---- memory regions */

void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size)
{
    assert(owner == OBJECT(&device) && ops->read && ops->write && size);
    *mr = (MemoryRegion) { .ops = ops, .opaque = opaque, .name = name, .size = size };
}

void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion, int priority)
{
    subregion->addr = offset;
    subregion->priority = priority;
    subregion->next = mr->children;
    mr->children = subregion;
}

VFIOQuirk *vfio_quirk_alloc(int nr_mem)
{
    VFIOQuirk *quirk = g_new0(VFIOQuirk, 1);

    quirk->mem = g_new0(MemoryRegion, nr_mem);
    quirk->nr_mem = nr_mem;
    return quirk;
}

bool vfio_pci_is(VFIOPCIDevice *vdev, uint32_t vendor, uint32_t id)
{
    return vdev->vendor_id == vendor && (id == (uint32_t)PCI_ANY_ID || vdev->device_id == id);
}

bool vfio_is_vga(VFIOPCIDevice *vdev)
{
    return false;
}

/* ---- QEMU's own window and mirror, by their description */

static uint64_t window_address_read(void *opaque, hwaddr addr, unsigned size)
{
    VFIOConfigWindowQuirk *window = opaque;

    return vfio_region_read(&window->vdev->bars[window->bar].region, addr + window->address_offset, size);
}

static void window_address_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    VFIOConfigWindowQuirk *window = opaque;

    vfio_region_write(&window->vdev->bars[window->bar].region, addr + window->address_offset, data, size);
    window->window_enabled = false;
    for (uint32_t at = 0; at < window->nr_matches && !window->window_enabled; at++) {
        if ((data & ~(uint64_t)window->matches[at].mask) == window->matches[at].match) {
            window->window_enabled = true;
            window->address_val = data & window->matches[at].mask;
        }
    }
}

static uint64_t window_data_read(void *opaque, hwaddr addr, unsigned size)
{
    VFIOConfigWindowQuirk *window = opaque;
    uint64_t data = vfio_region_read(&window->vdev->bars[window->bar].region, addr + window->data_offset, size);

    return window->window_enabled ? vfio_pci_read_config(PCI_DEVICE(window->vdev), window->address_val, size) : data;
}

static void window_data_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    VFIOConfigWindowQuirk *window = opaque;

    if (window->window_enabled) {
        vfio_pci_write_config(PCI_DEVICE(window->vdev), window->address_val, data, size);
    } else {
        vfio_region_write(&window->vdev->bars[window->bar].region, addr + window->data_offset, data, size);
    }
}

#ifndef CONFIG_OFFSET
#define CONFIG_OFFSET(mirror) 0
#endif

static uint64_t mirror_read(void *opaque, hwaddr addr, unsigned size)
{
    VFIOConfigMirrorQuirk *mirror = opaque;

    vfio_region_read(&mirror->vdev->bars[mirror->bar].region, addr + mirror->offset, size);
    return vfio_pci_read_config(PCI_DEVICE(mirror->vdev), addr + CONFIG_OFFSET(mirror), size);
}

static void mirror_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    VFIOConfigMirrorQuirk *mirror = opaque;

    vfio_pci_write_config(PCI_DEVICE(mirror->vdev), addr + CONFIG_OFFSET(mirror), data, size);
}

const MemoryRegionOps vfio_generic_window_address_quirk = {
    .read = window_address_read, .write = window_address_write, .endianness = DEVICE_LITTLE_ENDIAN,
};
const MemoryRegionOps vfio_generic_window_data_quirk = {
    .read = window_data_read, .write = window_data_write, .endianness = DEVICE_LITTLE_ENDIAN,
};
const MemoryRegionOps vfio_generic_mirror_quirk = {
    .read = mirror_read, .write = mirror_write, .endianness = DEVICE_LITTLE_ENDIAN,
};

/* ---- the guest */

static MemoryRegion *region_at(int space, uint64_t *offset)
{
    MemoryRegion *mr = NULL;

    if (space == VGA) {
        int index = *offset >= 0x3c0 ? QEMU_PCI_VGA_IO_HI : QEMU_PCI_VGA_IO_LO;
        uint64_t at = *offset - (index == QEMU_PCI_VGA_IO_HI ? 0x3c0 : 0x3b0);

        for (mr = vga.region[index].mem.children; mr; mr = mr->next) {
            if (at - mr->addr < mr->size) {
                *offset = at - mr->addr;
                return mr;
            }
        }
        return NULL;
    }
    for (mr = containers[space].children; mr; mr = mr->next) {
        if (*offset - mr->addr < mr->size) {
            *offset -= mr->addr;
            return mr;
        }
    }
    return NULL;
}

static unsigned piece(uint64_t start, unsigned left, unsigned limit)
{
    unsigned size = limit;

    while (size > left || start % size) {
        size /= 2;
    }
    return size;
}

static uint64_t guest_access(bool write, int space, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t result = 0;

    for (unsigned done = 0; done < size;) {
        uint64_t at = offset + done, mask;
        MemoryRegion *mr = region_at(space, &at);
        unsigned limit = !mr ? 8 : mr->ops->valid.max_access_size ? mr->ops->valid.max_access_size : 4;
        unsigned length = piece(at, size - done, limit);

        mask = length < 8 ? (1ULL << (8 * length)) - 1 : ~0ULL;
        if (write) {
            uint64_t data = (value >> (8 * done)) & mask;

            mr ? mr->ops->write(mr->opaque, at, data, length) : device_write(space, at, data, length);
        } else {
            uint64_t data = mr ? mr->ops->read(mr->opaque, at, length) : device_read(space, at, length);

            result |= (data & mask) << (8 * done);
        }
        done += length;
    }
    return result;
}

static void set_up(char **ids)
{
    FILE *host = tmpfile();
    uint32_t class = strtoul(ids[5], NULL, 16);

    for (int at = 0; at < CONFIG_SIZE; at++) {
        config[at] = pattern(7, at);
    }
    for (int bar = 0; bar < 6; bar++) {
        uint32_t place = 0xf0000000 + bar * 0x1000000;

        memcpy(config + PCI_BASE_ADDRESS_0 + 4 * bar, &place, 4);
        device.bars[bar].region = (VFIORegion) { .mem = &containers[bar], .size = BAR_SIZE, .nr = bar };
        device.bars[bar].ioport = ids[6][bar] == 'i';
        device.bars[bar].mem64 = ids[6][bar] == '6';
    }
    assert(host && fwrite(config, CONFIG_SIZE, 1, host) == 1 && fflush(host) == 0);
    for (int bar = 0; bar < 6; bar++) {
        uint32_t place = 0xe0000000 + bar * 0x1000000;

        memcpy(config + PCI_BASE_ADDRESS_0 + 4 * bar, &place, 4);
    }
    if (class) {
        config[9] = class, config[10] = class >> 8, config[11] = class >> 16;
    }
    PCI_DEVICE(&device)->config = config;
    PCI_DEVICE(&device)->cap_present = QEMU_PCI_CAP_MSIX;
    PCI_DEVICE(&device)->msix_entries_nr = MSIX_ENTRIES;
    device.vbasedev.name = (char *)"device";
    device.vbasedev.fd = fileno(host);
    device.config_size = CONFIG_SIZE;
    device.vga = &vga;
    device.vendor_id = strtoul(ids[1], NULL, 16);
    device.device_id = strtoul(ids[2], NULL, 16);
    device.sub_vendor_id = strtoul(ids[3], NULL, 16);
    device.sub_device_id = strtoul(ids[4], NULL, 16);
}

int main(int count, char **arguments)
{
    char kind;
    int space;
    uint64_t offset, value = 0;
    unsigned size;

    assert(count == 7);
    set_up(arguments);
    vfio_vga_quirk_setup(&device);
    for (int bar = 0; bar < 6; bar++) {
        vfio_bar_quirk_setup(&device, bar);
    }
    while (scanf(" %c %d %" SCNx64 " %u", &kind, &space, &offset, &size) == 4) {
        if (kind == 'w') {
            assert(scanf("%" SCNx64, &value) == 1);
            guest_access(true, space, offset, size, value);
        } else {
            printf("= %" PRIx64 "\n", guest_access(false, space, offset, size, 0));
        }
        printf(".\n");
    }
    return 0;
}
