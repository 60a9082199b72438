#!/bin/sh
# Unpacks Debian 12's PyTorch 1.13 with OpenBLAS below a folder, without root, and leaves FOLDER/python there, which runs Debian's python3.11 with it:
#
#	debian_torch.sh FOLDER
set -e
[ -n "$1" ] || { echo "usage: debian_torch.sh FOLDER" >&2; exit 2; }
[ -x /usr/bin/python3.11 ] || { echo "Debian's /usr/bin/python3.11 is missing" >&2; exit 1; }
mkdir -p "$1/packages" "$1/root"
cd "$1"
here=$(pwd)
# What apt would install with the two libraries, and the two Python packages without their own dependencies, most of which PyTorch can do without.
names=$(apt-get install --print-uris -y --no-install-recommends libtorch1.13 libopenblas0-pthread python3-numpy |
	sed -n "s/^'.* \([^ ]*\)_[^ _]*_[^ _]* .*/\1/p")
(cd packages && apt-get download $names libtorch1.13 libopenblas0-pthread python3-numpy python3-torch python3-typing-extensions)
for p in packages/*.deb; do dpkg -x "$p" root; done
rm -r packages
# OpenMP and OpenBLAS have a pool of threads each; where they spin while they wait they take the cores from one another, and two threads are ten times
# slower than one.
cat > python <<END
#!/bin/sh
lib=$here/root/usr/lib/x86_64-linux-gnu
export OMP_WAIT_POLICY=passive
export LD_LIBRARY_PATH=$here/root/lib/x86_64-linux-gnu:\$lib/openblas-pthread:\$lib:$here/root/usr/lib:\$lib/hdf
export PYTHONPATH=$here/root/usr/lib/python3/dist-packages
exec /usr/bin/python3.11 "\$@"
END
chmod +x python
./python -c 'import torch; print("PyTorch", torch.__version__)'
