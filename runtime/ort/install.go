package ort

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed" // for the licence
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"fmtool/models/flow"
)

// DefaultVersion is what Install gets unless told otherwise: the newest release without telemetry.
const DefaultVersion = "1.27.0"

// wheel is a release on PyPI for one platform, by its hash.
type wheel struct {
	version, os, arch string
	platforms         []string // pip's names of the platform
	sha256            string
}

// wheels is the pinned table: the files for CPython 3.11, whose library does not depend on Python.
var wheels = []wheel{
	{"1.24.4", "linux", "amd64", linuxAMD64, "e54ad52e61d2d4618dcff8fa1480ac66b24ee2eab73331322db1049f11ccf330"},
	{"1.24.4", "linux", "arm64", linuxARM64, "046ff290045a387676941a02a8ae5c3ebec6b4f551ae228711968c4a69d8f6b7"},
	{"1.24.4", "darwin", "arm64", darwinARM64, "0bdfce8e9a6497cec584aab407b71bf697dac5e1b7b7974adc50bf7533bdb3a2"},
	{"1.27.0", "linux", "amd64", linuxAMD64, "e4f7b0e90d2d212e2c2deaa6c8291616183ab815d3ec558ea12d3ac8b26d36f4"},
	{"1.27.0", "linux", "arm64", linuxARM64, "2eb083321af8a236a84c7c140a7f4cecbfa2a987a18c07c78db471c20cd390ef"},
	{"1.27.0", "darwin", "arm64", darwinARM64, "8ba14a38c570087f3cdb8cfba33f7a38a1e826c1e5b29e17c28ceda0cc910016"},
	{"1.32.0", "linux", "amd64", linuxAMD64, "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d"},
	{"1.32.0", "linux", "arm64", linuxARM64, "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c"},
	{"1.32.0", "darwin", "arm64", darwinARM64, "366b9e53d07812cc5c92822cecf7563b76a8a0f32ba3bb8dd232a206ac3bcb6c"},
}

var (
	linuxAMD64  = []string{"manylinux_2_28_x86_64", "manylinux_2_27_x86_64"}
	linuxARM64  = []string{"manylinux_2_28_aarch64", "manylinux_2_27_aarch64"}
	darwinARM64 = []string{"macosx_14_0_arm64", "macosx_13_0_arm64"}
)

// npmPackage is the release on npm, one file for all platforms, for users who have Node.js and no Python.
var npmPackage = struct{ version, sha256 string }{DefaultVersion, "c3779c01c59832f8c03e2c392ac3af10bf08579f1822e8b1c63cc451edb302a2"}

// license is onnxruntime's, for the package that does not carry it.
//
//go:embed LICENSE.onnxruntime
var license []byte

// Installed is what Install placed.
type Installed struct {
	Library string // path of the shared library
	License string // onnxruntime's licence
	Fresh   bool   // false: it was there already
}

// Install gets a release of onnxruntime through the package client the user has, pip or npm, checks its SHA-256 against the pinned table and
// puts library and licence into CacheDir()/version. python is the interpreter to ask, "" for python3. Progress goes to log.
func Install(ctx context.Context, version, python string, log io.Writer) (Installed, error) {
	if version == "" {
		version = DefaultVersion
	}
	cache, err := CacheDir()
	if err != nil {
		return Installed{}, err
	}
	dir := filepath.Join(cache, version)
	if have, err := installed(dir); err == nil {
		return have, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Installed{}, fmt.Errorf("ort: %w", err)
	}
	temp, err := os.MkdirTemp(cache, ".install-*")
	if err != nil {
		return Installed{}, fmt.Errorf("ort: %w", err)
	}
	defer os.RemoveAll(temp) //nolint:errcheck // nothing is left if it was renamed
	files, err := fetch(ctx, version, python, temp, log)
	if err != nil {
		return Installed{}, err
	}
	ready := filepath.Join(temp, "ready")
	if err := placeFiles(ready, files); err != nil {
		return Installed{}, err
	}
	if err := os.Rename(ready, dir); err != nil {
		if have, err := installed(dir); err == nil { // another process was faster
			return have, nil
		}
		return Installed{}, fmt.Errorf("ort: %w", err)
	}
	have, err := installed(dir)
	have.Fresh = true
	return have, err
}

// fetch returns the library and its licence by name, from pip or else from npm.
func fetch(ctx context.Context, version, python, temp string, log io.Writer) (map[string][]byte, error) {
	if python == "" {
		python = "python3"
	}
	files, pipErr := fromPip(ctx, version, python, temp, log)
	if pipErr == nil {
		return files, nil
	}
	if version != npmPackage.version {
		return nil, pipErr
	}
	files, npmErr := fromNPM(ctx, temp, log)
	if npmErr == nil {
		return files, nil
	}
	return nil, fmt.Errorf("ort: neither pip nor npm could get onnxruntime: %w; %w", pipErr, npmErr)
}

func fromPip(ctx context.Context, version, python, temp string, log io.Writer) (map[string][]byte, error) {
	var known []string
	for _, w := range wheels {
		if w.os != goruntime.GOOS || w.arch != goruntime.GOARCH {
			continue
		}
		if known = append(known, w.version); w.version != version {
			continue
		}
		args := []string{"-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
			"--python-version", "311", "--implementation", "cp", "--dest", temp, "onnxruntime==" + version}
		for _, p := range w.platforms {
			args = append(args, "--platform", p)
		}
		if err := client(ctx, temp, log, python, args...); err != nil {
			return nil, err
		}
		b, err := pinned(filepath.Join(temp, "onnxruntime-*.whl"), w.sha256)
		if err != nil {
			return nil, err
		}
		return fromZip(b)
	}
	if known == nil {
		return nil, fmt.Errorf("ort: no pinned release for %s/%s; install onnxruntime yourself and set FMTOOL_ORT_LIB", goruntime.GOOS, goruntime.GOARCH)
	}
	return nil, fmt.Errorf("ort: %w", flow.Unknown("onnxruntime release", version, known))
}

func fromNPM(ctx context.Context, temp string, log io.Writer) (map[string][]byte, error) {
	if err := client(ctx, temp, log, "npm", "pack", "--silent", "onnxruntime-node@"+npmPackage.version); err != nil {
		return nil, err
	}
	b, err := pinned(filepath.Join(temp, "onnxruntime-node-*.tgz"), npmPackage.sha256)
	if err != nil {
		return nil, err
	}
	return fromTar(b)
}

// client runs a package client in the folder dir.
func client(ctx context.Context, dir string, log io.Writer, name string, args ...string) error {
	fmt.Fprintln(log, name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ort: %s: %w: %s", name, err, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// pinned reads the one file that matches and compares its hash.
func pinned(pattern, want string) ([]byte, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("ort: the package client left %d files %s", len(found), filepath.Base(pattern))
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != want {
		return nil, fmt.Errorf("ort: %s has SHA-256 %s, want %s: not the pinned release, nothing installed", filepath.Base(found[0]), got, want)
	}
	return b, nil
}

// wanted is the name under which a file of a package is installed, "" if it is not.
func wanted(name string) string {
	base := path.Base(name)
	switch {
	case base == "LICENSE" || base == "ThirdPartyNotices.txt":
		return base
	case strings.Contains(base, "providers") || strings.Contains(base, "pybind"):
		return ""
	}
	for _, p := range patterns[goruntime.GOOS] {
		if ok, _ := path.Match(p, base); ok {
			return base
		}
	}
	return ""
}

func fromZip(b []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		name := wanted(f.Name)
		if name == "" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("ort: %w", err)
		}
		content, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("ort: %w", err)
		}
		files[name] = content
	}
	return files, nil
}

func fromTar(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	folder := goruntime.GOOS + "/" + map[string]string{"amd64": "x64", "arm64": "arm64"}[goruntime.GOARCH] + "/"
	files := map[string][]byte{"LICENSE": license}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, fmt.Errorf("ort: %w", err)
		}
		name := wanted(h.Name)
		if name == "" || !strings.Contains(h.Name, folder) {
			continue
		}
		if files[name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("ort: %w", err)
		}
	}
}

// placeFiles writes the files into a new folder. A package without a library for this system is refused: its folder would stand in the way of a
// later one.
func placeFiles(dir string, files map[string][]byte) error {
	isLibrary := func(p string) bool {
		for name := range files {
			if ok, _ := path.Match(p, name); ok {
				return true
			}
		}
		return false
	}
	if !slices.ContainsFunc(patterns[goruntime.GOOS], isLibrary) {
		return fmt.Errorf("ort: the package holds no library for %s/%s; install onnxruntime yourself and set FMTOOL_ORT_LIB", goruntime.GOOS, goruntime.GOARCH)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return fmt.Errorf("ort: %w", err)
		}
	}
	return nil
}

// installed reads what lies in a version's folder.
func installed(dir string) (Installed, error) {
	found := inFolder(dir, "user cache")
	if len(found) == 0 {
		return Installed{}, fmt.Errorf("ort: no library in %s", dir)
	}
	license, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Installed{}, fmt.Errorf("ort: %w", err)
	}
	return Installed{Library: found[0].Path, License: string(license)}, nil
}

// Releases are the pinned versions for this system.
func Releases() []string {
	var out []string
	for _, w := range wheels {
		if w.os == goruntime.GOOS && w.arch == goruntime.GOARCH && !slices.Contains(out, w.version) {
			out = append(out, w.version)
		}
	}
	return out
}
