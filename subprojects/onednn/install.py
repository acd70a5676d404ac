"""Installs oneDNN's library and licences: install.py ROOT LIBDIR DOCDIR, under DESTDIR where it is set."""
import os
import shutil
import sys

root, libdir, docdir = sys.argv[1:]
prefix = os.environ["MESON_INSTALL_DESTDIR_PREFIX"]


def put(source, folder, mode):
    folder = os.path.join(prefix, folder)
    os.makedirs(folder, exist_ok=True)
    target = shutil.copy(os.path.join(root, source), folder)
    os.chmod(target, mode)


put("lib/libdnnl.so.3", libdir, 0o755)
put("share/doc/onednn/LICENSE", docdir, 0o644)
put("share/doc/onednn/THIRD-PARTY-PROGRAMS", docdir, 0o644)
