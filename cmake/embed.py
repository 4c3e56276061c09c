# SPDX-License-Identifier: Apache-2.0
"""Turns files into C: embed.py file OUT.c SYMBOL FILE, embed.py table OUT SYMBOL FILE... (OUT.c and OUT.h), or embed.py folder OUT SYMBOL
FOLDER (the same of all files in it)."""
import sys
from pathlib import Path


def array(data):
    lines = (", ".join(map(str, data[i:i + 24])) for i in range(0, len(data), 24))
    return "{\n" + ",\n".join(lines) + ",\n0 }"


def one(out, symbol, file):
    data = Path(file).read_bytes()
    Path(out).write_text("#include <stddef.h>\n"
                         f"extern const unsigned char {symbol}[];\nextern const size_t {symbol}_len;\n"
                         f"const unsigned char {symbol}[] = {array(data)};\nconst size_t {symbol}_len = {len(data)};\n")


def table(out, symbol, files):
    files = sorted(map(Path, files), key=lambda f: f.name)
    Path(out + ".h").write_text("#pragma once\n#include <stddef.h>\n"
                                "struct kp_embedded {\n    const char *name;\n    const unsigned char *data;\n"
                                "    size_t len;\n};\n"
                                f"extern const struct kp_embedded {symbol}[];\nextern const size_t {symbol}_count;\n")
    text = f'#include "{Path(out).name}.h"\n'
    for i, file in enumerate(files):
        text += f"static const unsigned char data{i}[] = {array(file.read_bytes())};\n"
    text += f"const struct kp_embedded {symbol}[] = {{\n"
    for i, file in enumerate(files):
        text += f'    {{ "{file.name}", data{i}, {file.stat().st_size} }},\n'
    text += f"    {{ 0 }},\n}};\nconst size_t {symbol}_count = {len(files)};\n"
    Path(out + ".c").write_text(text)


if sys.argv[1] == "file":
    one(*sys.argv[2:])
elif sys.argv[1] == "table":
    table(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    table(sys.argv[2], sys.argv[3], Path(sys.argv[4]).iterdir())
