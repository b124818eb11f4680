/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of QEMU's interface that an emitted quirk uses, written down from
 * its description. Members are those a quirk may touch, in no particular
 * layout: good for checking types and names, not for linking with QEMU.
 */
#ifndef DECLARATIONS_COMMON_H
#define DECLARATIONS_COMMON_H

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define g_new0(type, count) ((type *)calloc((count), sizeof(type)))
#define g_malloc0(size) calloc(1, (size))
#define le32_to_cpu(value) (value)

static inline uint32_t deposit32(uint32_t value, int start, int length, uint32_t field)
{
    uint32_t mask = (~0U >> (32 - length)) << start;

    assert(start >= 0 && length > 0 && length <= 32 - start);
    return (value & ~mask) | ((field << start) & mask);
}

static inline uint32_t pci_get_long(const uint8_t *config)
{
    uint32_t value;

    memcpy(&value, config, sizeof(value));
    return value;
}

#define QLIST_HEAD(name, type) struct name { struct type *lh_first; }
#define QLIST_ENTRY(type) struct { struct type *le_next; struct type **le_prev; }
#define QLIST_INSERT_HEAD(head, element, field)            \
    do {                                                   \
        (element)->field.le_next = (head)->lh_first;       \
        (head)->lh_first = (element);                      \
    } while (0)

typedef uint64_t hwaddr;
typedef int MemOp;
typedef uint32_t MemTxResult;
typedef struct MemTxAttrs { unsigned bits; } MemTxAttrs;
typedef struct Object Object;
#define OBJECT(object) ((Object *)(object))
#define MEMTXATTRS_UNSPECIFIED ((MemTxAttrs) { 1 })
#define MO_LE 0

enum device_endian { DEVICE_NATIVE_ENDIAN, DEVICE_BIG_ENDIAN, DEVICE_LITTLE_ENDIAN };

typedef struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr addr, unsigned size);
    void (*write)(void *opaque, hwaddr addr, uint64_t data, unsigned size);
    enum device_endian endianness;
    struct { unsigned min_access_size, max_access_size; bool unaligned; } valid, impl;
} MemoryRegionOps;

typedef struct MemoryRegion {
    const MemoryRegionOps *ops;
    void *opaque;
    hwaddr addr;
    uint64_t size;
    const char *name;
    int priority;
    bool disable_reentrancy_guard;
    struct MemoryRegion *next;
    struct MemoryRegion *children;
} MemoryRegion;

void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size);
void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion, int priority);
MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr addr, uint64_t *pval, MemOp op, MemTxAttrs attrs);
MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr addr, uint64_t data, MemOp op, MemTxAttrs attrs);
MemOp size_memop(unsigned size);

#define PCI_ANY_ID (~0)
#ifndef ALONE /* defined in pci-quirks.c itself */
#define PCI_VENDOR_ID_ATI 0x1002
#endif
#define PCI_VENDOR_ID_AMD 0x1022
#define PCI_VENDOR_ID_NVIDIA 0x10de
#define PCI_VENDOR_ID_REALTEK 0x10ec
#define PCI_VENDOR_ID_CHELSIO 0x1425
#define PCI_VENDOR_ID_INTEL 0x8086
#define PCI_CLASS_REVISION 0x08
#define PCI_BASE_ADDRESS_0 0x10
#define PCI_BASE_ADDRESS_SPACE_IO 0x01
#define PCI_BASE_ADDRESS_MEM_TYPE_64 0x04
#define PCI_BASE_ADDRESS_IO_MASK (~0x03UL)
#define PCI_MSIX_ENTRY_SIZE 16
enum { QEMU_PCI_CAP_MSIX = 0x2 };

typedef struct PCIDevice {
    uint8_t *config;
    uint32_t cap_present;
    int msix_entries_nr;
    MemoryRegion msix_table_mmio;
} PCIDevice;

typedef struct VFIOPCIDevice VFIOPCIDevice;
typedef struct VFIODevice { char *name; int fd; } VFIODevice;
typedef struct VFIORegion { MemoryRegion *mem; uint64_t size; uint8_t nr; } VFIORegion;

typedef struct VFIOQuirk {
    QLIST_ENTRY(VFIOQuirk) next;
    void *data;
    int nr_mem;
    MemoryRegion *mem;
    void (*reset)(VFIOPCIDevice *vdev, struct VFIOQuirk *quirk);
} VFIOQuirk;

typedef struct VFIOBAR {
    VFIORegion region;
    MemoryRegion *mr;
    size_t size;
    uint8_t type;
    bool ioport;
    bool mem64;
    QLIST_HEAD(, VFIOQuirk) quirks;
} VFIOBAR;

typedef struct VFIOVGARegion {
    MemoryRegion mem;
    off_t offset;
    int nr;
    QLIST_HEAD(, VFIOQuirk) quirks;
} VFIOVGARegion;

enum { QEMU_PCI_VGA_MEM, QEMU_PCI_VGA_IO_LO, QEMU_PCI_VGA_IO_HI, QEMU_PCI_VGA_NUM_REGIONS };
typedef struct VFIOVGA { off_t fd_offset; int fd; VFIOVGARegion region[QEMU_PCI_VGA_NUM_REGIONS]; } VFIOVGA;

struct VFIOPCIDevice {
    PCIDevice PCI_MEMBER;
    VFIODevice vbasedev;
    unsigned int config_size;
    uint8_t *emulated_config_bits;
    off_t config_offset;
    VFIOBAR bars[6];
    VFIOVGA *vga;
    uint32_t vendor_id, device_id, sub_vendor_id, sub_device_id;
};
#define PCI_DEVICE(vdev) (&((VFIOPCIDevice *)(vdev))->PCI_MEMBER)

VFIOQuirk *vfio_quirk_alloc(int nr_mem);
bool vfio_pci_is(VFIOPCIDevice *vdev, uint32_t vendor, uint32_t device);
bool vfio_is_vga(VFIOPCIDevice *vdev);
uint32_t vfio_pci_read_config(PCIDevice *pdev, uint32_t addr, int len);
void vfio_pci_write_config(PCIDevice *pdev, uint32_t addr, uint32_t val, int len);
uint64_t vfio_region_read(void *opaque, hwaddr addr, unsigned size);
void vfio_region_write(void *opaque, hwaddr addr, uint64_t data, unsigned size);
uint64_t vfio_vga_read(void *opaque, hwaddr addr, unsigned size);
void vfio_vga_write(void *opaque, hwaddr addr, uint64_t data, unsigned size);
void vfio_vga_quirk_setup(VFIOPCIDevice *vdev);
void vfio_bar_quirk_setup(VFIOPCIDevice *vdev, int nr);

typedef struct VFIOConfigWindowMatch { uint32_t match, mask; } VFIOConfigWindowMatch;
typedef struct VFIOConfigWindowQuirk {
    VFIOPCIDevice *vdev;
    uint32_t address_val;
    uint32_t address_offset;
    uint32_t data_offset;
    bool window_enabled;
    uint8_t bar;
    MemoryRegion *addr_mem;
    MemoryRegion *data_mem;
    uint32_t nr_matches;
    VFIOConfigWindowMatch matches[];
} VFIOConfigWindowQuirk;

typedef struct VFIOConfigMirrorQuirk {
    VFIOPCIDevice *vdev;
    uint32_t offset;
    MIRROR_CONFIG_OFFSET
    uint8_t bar;
    MemoryRegion *mem;
    uint8_t data[];
} VFIOConfigMirrorQuirk;

#if defined(SEPARATE_FILE) || defined(HARNESS)
extern const MemoryRegionOps vfio_generic_window_address_quirk;
extern const MemoryRegionOps vfio_generic_window_data_quirk;
extern const MemoryRegionOps vfio_generic_mirror_quirk;
#else
/* Private to pci-quirks.c: a fragment pasted there sees them as definitions. */
__attribute__((unused)) static const MemoryRegionOps vfio_generic_window_address_quirk;
__attribute__((unused)) static const MemoryRegionOps vfio_generic_window_data_quirk;
__attribute__((unused)) static const MemoryRegionOps vfio_generic_mirror_quirk;
#endif

#endif
