package ort

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
)

// A package whose hash is not the pinned one is refused, and nothing is installed.
func TestPinned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "onnxruntime-9.whl")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if b, err := pinned(path, abc); err != nil || string(b) != "abc" {
		t.Errorf("the right hash: %q, %v", b, err)
	}
	if _, err := pinned(path, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "not the pinned release") {
		t.Errorf("a wrong hash: %v", err)
	}
	if _, err := pinned(filepath.Join(t.TempDir(), "none-*.whl"), abc); err == nil {
		t.Error("a missing file was accepted")
	}
}

// Only the library and the licences leave a package, by their plain names: no path in it leads outside the folder.
func TestFromZip(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	library := strings.Replace(patterns[goruntime.GOOS][len(patterns[goruntime.GOOS])-1], "*", "9.9", 1)
	for _, name := range []string{"onnxruntime/capi/" + library, "../../../../" + library, "onnxruntime/LICENSE", "onnxruntime/capi/libonnxruntime_providers_shared.so", "x.py"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := fromZip(b.Bytes())
	if err != nil || len(files) != 2 || files[library] == nil || files["LICENSE"] == nil {
		t.Errorf("%v, %v", files, err)
	}
	for _, bad := range [][]byte{nil, []byte("no zip"), b.Bytes()[:b.Len()/2]} {
		if _, err := fromZip(bad); err == nil {
			t.Error("a broken package was accepted")
		}
		if _, err := fromTar(bad); err == nil {
			t.Error("a broken archive was accepted")
		}
	}
}

// A package that has no library for this system leaves no folder behind, in which a later one could not be put.
func TestPackageWithoutLibrary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "1.27.0")
	if err := placeFiles(dir, map[string][]byte{"LICENSE": license}); err == nil || !strings.Contains(err.Error(), goruntime.GOARCH) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was left behind")
	}
	library := strings.Replace(patterns[goruntime.GOOS][0], "*", "9.9", 1)
	if err := placeFiles(dir, map[string][]byte{"LICENSE": license, library: []byte("x")}); err != nil {
		t.Error(err)
	}
}

// Newer releases come first, by number and not by letter.
func TestNewestFirst(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"1.9.0", "1.27.0", "1.10.1"} {
		if err := os.Mkdir(filepath.Join(dir, v), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, d := range newestFirst(filepath.Join(dir, "*")) {
		got = append(got, filepath.Base(d))
	}
	if strings.Join(got, " ") != "1.27.0 1.10.1 1.9.0" {
		t.Errorf("%v", got)
	}
}

// An explicit path or a variable is the only candidate: nothing is looked for behind it.
func TestCandidates(t *testing.T) {
	if c := Candidates("/a/lib.so"); len(c) != 1 || c[0].Path != "/a/lib.so" {
		t.Errorf("%v", c)
	}
	t.Setenv("FMTOOL_ORT_LIB", "")
	t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", "/b/lib.so")
	if c := Candidates(""); len(c) != 1 || c[0].Path != "/b/lib.so" {
		t.Errorf("%v", c)
	}
	t.Setenv("FMTOOL_ORT_LIB", "/c/lib.so")
	if c := Candidates(""); len(c) != 1 || c[0].Path != "/c/lib.so" {
		t.Errorf("%v", c)
	}
}
