"""The base: one EROFS with its dm-verity tree behind it, and the description by which the initramfs knows it."""

import os
import subprocess

# How the base is packed. Not by LZMA: what mkfs.erofs 1.8 makes of it with fragments Linux 6.12 cannot read everywhere ("failed to
# decompress"). Hints: kernel modules pack better in larger clusters, and each is read as a whole.
PACKING = {
    "release": (["-zzstd,16", "-C65536", "-Efragments,ztailpacking,dedupe"], ["262144 0 kernel/"]),
    "fast": (["-zlz4", "-C65536"], []),
}
SALT = "0" * 64         # verity guards against damage and exchange, not against collisions prepared for one salt


def copy_store(source, target):
    """The store with its devices (whiteouts), links and extended attributes as they are."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(["cp", "-a", "-T", source, target], check=True)


def make(root, target, mode, identity, epoch):
    """Packs a folder. Returns what base.json says of it."""
    partial = f"{target}.new"
    if os.path.exists(partial):
        os.unlink(partial)
    options, hints = PACKING[mode]
    hint_file = f"{target}.hints"
    with open(hint_file, "w", encoding="ascii") as stream:
        stream.writelines(f"{hint}\n" for hint in hints)
    if hints:
        options = [*options, f"--compress-hints={hint_file}"]
    subprocess.run(["mkfs.erofs", "--quiet", *options, f"-T{epoch}", f"-U{identity}", "-x1", partial, root], check=True)
    os.unlink(hint_file)
    size = os.path.getsize(partial)
    if size % 4096:
        raise ValueError(f"{target}: not whole blocks")
    shown = subprocess.run(["veritysetup", "format", partial, partial, f"--hash-offset={size}", f"--salt={SALT}", f"--uuid={identity}",
                            "--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={size // 4096}"],
                           check=True, capture_output=True, text=True).stdout
    root_hash = next(line.split()[-1] for line in shown.splitlines() if line.startswith("Root hash:"))
    os.replace(partial, target)
    return {"format": 1, "name": f"base-{str(identity)[:8]}.erofs", "size": os.path.getsize(target), "uuid": str(identity),
            "verity": {"root_hash": root_hash, "salt": SALT, "hash_offset": size}}


def pack_initrd(segment):
    """zstd costs 9 ms a megabyte at boot in the emulator and saves a third of it on the medium."""
    return subprocess.run(["zstd", "-19", "-q", "-c"], input=segment, check=True, capture_output=True).stdout
