"""The medium: one ISO for CD and USB stick, BIOS and UEFI (Secure Boot by Debian's shim and GRUB)."""

import datetime
import os
import shutil
import subprocess

from .tree import Tree, file

VOLUME = "PADDOCK"
BIOS_MODULES = ["biosdisk", "part_msdos", "part_gpt", "iso9660", "fat", "normal", "linux", "serial", "terminal", "configfile", "search",
                "search_fs_file", "search_label", "echo", "test", "sleep", "minicmd", "halt", "reboot", "ls", "cat"]
SIGNED = {
    "EFI/BOOT/BOOTX64.EFI": ("shim-signed", "usr/lib/shim/shimx64.efi.signed"),
    "EFI/BOOT/grubx64.efi": ("grub-efi-amd64-signed", "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"),
}


def make_bios_loader(work, grub):
    """GRUB for BIOS with all it needs inside, for the CD's boot record; boot_hybrid.img starts the same from a stick."""
    modules = os.path.join(work, "i386-pc")
    grub.write_folder(modules)
    core, whole = os.path.join(work, "core.img"), os.path.join(work, "eltorito.img")
    subprocess.run(["grub-mkimage", "-d", modules, "-O", "i386-pc", "-p", "/boot/grub", "-o", core, *BIOS_MODULES], check=True)
    with open(whole, "wb") as stream:
        stream.write(grub["cdboot.img"].data)
        with open(core, "rb") as source:
            shutil.copyfileobj(source, stream)
    hybrid = os.path.join(work, "boot_hybrid.img")
    with open(hybrid, "wb") as stream:
        stream.write(grub["boot_hybrid.img"].data)
    return whole, hybrid


def make_efi_partition(work, packages, configuration, epoch):
    """A FAT image with shim and GRUB, both as Debian signed them."""
    tree = Tree()
    for target, (package, source) in SIGNED.items():
        tree.put(target, file(packages[package][source].data))
    tree.put("boot/grub/grub.cfg", file(configuration))
    folder = os.path.join(work, "efi")
    tree.write_folder(folder)
    for base, names, files in os.walk(folder):
        for name in names + files:
            os.utime(os.path.join(base, name), (epoch, epoch))
    image = os.path.join(work, "efi.img")
    size_kb = (tree.size() // 1024 + 96) // 32 * 32
    subprocess.run(["truncate", "-s", f"{size_kb}K", image], check=True)
    subprocess.run(["mformat", "-i", image, "-N", "50414444", "-v", "PADDOCKEFI", "-T", str(size_kb * 2), "-h", "1", "-s", "1", "::"], check=True)
    for name in sorted(os.listdir(folder)):
        subprocess.run(["mcopy", "-s", "-m", "-i", image, os.path.join(folder, name), "::"], check=True)
    return image


def make(target, work, epoch, packages, bootloader, files):
    """files: path on the medium -> file of the build."""
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    grub = Tree((path.removeprefix("usr/lib/grub/i386-pc/"), node) for path, node in packages["grub-pc-bin"].items()
                if path.startswith("usr/lib/grub/i386-pc/") and node.kind == "f")
    loader, hybrid = make_bios_loader(work, grub)
    efi = make_efi_partition(work, packages, "search --file --set=root /.disk/paddock\nset prefix=($root)/boot/grub\nsource $prefix/grub.cfg\n", epoch)
    root = os.path.join(work, "root")
    tree = Tree()
    tree.read_folder(bootloader)
    tree.put(".disk/info", file("Paddock\n"))
    tree.put(".disk/paddock", file("Paddock\n"))
    tree.write_folder(root)
    shutil.copy(loader, os.path.join(root, "boot/grub/eltorito.img"))
    for path, source in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        os.link(source, os.path.join(root, path))
    date = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y%m%d%H%M%S00")
    partial = f"{target}.new"
    subprocess.run(["xorriso", "-report_about", "WARNING", "-as", "mkisofs", "-quiet", "-V", VOLUME, "-R", "-J", "-joliet-long", "-no-pad",
                    f"--modification-date={date}", "--set_all_file_dates", date, "-o", partial,
                    "-c", "boot/grub/boot.cat", "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
                    "--grub2-boot-info", "--grub2-mbr", hybrid, "--mbr-force-bootable", "-partition_offset", "16",
                    "-append_partition", "2", "0xef", efi, "-appended_part_as_gpt", "-eltorito-alt-boot",
                    "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", root], check=True)
    os.replace(partial, target)
    shutil.rmtree(work)
