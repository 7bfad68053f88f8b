"""The bytes of partitions' logs on disk, batch by batch, and whether replicas hold the same."""

import struct

from .scenario import check

_OFFSET_AND_SIZE = struct.Struct(">qi")
_LAST_OFFSET_DELTA_AT = 23
_LEAST_BATCH = 61


def batches(directory):
    """[(base offset, last offset, bytes)] of a partition's segments in order; a torn end of the last one is left out."""
    found = []
    for path in sorted(directory.glob("*.log")):
        data, at = path.read_bytes(), 0
        while at + _LEAST_BATCH <= len(data):
            base, size = _OFFSET_AND_SIZE.unpack_from(data, at)
            end = at + 12 + size
            if size <= 0 or end > len(data):
                break
            last = base + struct.unpack_from(">i", data, at + _LAST_OFFSET_DELTA_AT)[0]
            found.append((base, last, data[at:end]))
            at = end
    return found


def below(directory, high_watermark, start):
    return [batch for batch in batches(directory) if batch[0] >= start and batch[1] < high_watermark]


def check_equal_below(directories, high_watermark, what):
    """directories: {who: the partition's folder there}. All hold the same bytes from where the shortest begins up to the high watermark;
    returns how many bytes these are."""
    starts = {who: min((base for base, _, _ in batches(path)), default=0) for who, path in directories.items()}
    start = max(starts.values())
    held = {who: below(path, high_watermark, start) for who, path in directories.items()}
    first, *others = held
    for who, found in held.items():
        end = found[-1][1] + 1 if found else start
        check(end == high_watermark, f"{what}: the log of {who} ends at {end}, the high watermark is {high_watermark}")
    for other in others:
        for ours, theirs in zip(held[first], held[other]):
            check(ours == theirs, f"{what}: the batch at offset {ours[0]} on {first} differs from that at {theirs[0]} on {other}:\n"
                                  f"{ours[2][:80].hex()}\n{theirs[2][:80].hex()}")
        check(len(held[first]) == len(held[other]), f"{what}: {len(held[first])} batches on {first}, {len(held[other])} on {other}")
    return sum(len(data) for _, _, data in held[first])
