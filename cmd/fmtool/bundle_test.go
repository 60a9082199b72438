package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// filesIn are all files below a folder.
func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files[name], err = os.ReadFile(filepath.Join(dir, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Two users who train the same in folders of their own export the same bytes, and no file has a path or a user's name in it.
func TestBundleNamesNobody(t *testing.T) {
	var table strings.Builder
	table.WriteString("a,kind,b\n")
	for i := range 300 {
		table.WriteString([]string{"0.5", "1.5", "2.25"}[i%3] + "," + []string{"x", "y"}[i%2] + "," + []string{"3", "4", "-1", "0"}[i%4] + "\n")
	}
	var bundles []map[string][]byte
	var names []string
	for _, user := range []string{"ada-of-cornwall", "grace-of-vassar"} {
		home := filepath.Join(t.TempDir(), "home", user)
		work := filepath.Join(home, "a project of "+user)
		if err := os.MkdirAll(work, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
			t.Setenv(name, user)
		}
		t.Setenv("HOME", home)
		t.Chdir(work)
		data := filepath.Join(work, "table.csv")
		if err := os.WriteFile(data, []byte(table.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		must(t, "train", data, "--columns", "a,b", "--label", "kind", "--steps", "20", "--batch", "32", "--width", "8", "-o", filepath.Join(work, "runs", "first"))
		must(t, "export", "bundle/", "--parity", "native")
		bundles = append(bundles, filesIn(t, "bundle"))
		names = append(names, user, home, work, t.Name(), "table.csv", os.TempDir()+"/")
	}
	if !maps.EqualFunc(bundles[0], bundles[1], bytes.Equal) {
		for name, b := range bundles[0] {
			if !bytes.Equal(b, bundles[1][name]) {
				t.Errorf("%s differs", name)
			}
		}
	}
	for name, b := range bundles[0] {
		for _, word := range names {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s has %q in it", name, word)
			}
		}
	}
	if len(bundles[0]) < 50 {
		t.Errorf("the bundle has %d files: %v", len(bundles[0]), slices.Sorted(maps.Keys(bundles[0])))
	}
}

// A bundle is written into no folder or an empty one, and over another one with --force alone; verify names a file that was changed.
func TestBundleCommand(t *testing.T) {
	dir, _ := small(t, "--unconditional")
	bundle := filepath.Join(dir, "bundle")
	export := func(more ...string) string {
		_, _, failure := run(append([]string{"export", bundle + "/", "--run", filepath.Join(dir, "run"), "--parity", "native"}, more...)...)
		return failure
	}
	if got := export(); got != "" {
		t.Fatal(got)
	}
	first := filesIn(t, bundle)
	if out := must(t, "verify", bundle, "--parity", "native"); !strings.Contains(out, "train_step.onnx: test data") || strings.Contains(out, "FAIL") {
		t.Errorf("verify says\n%s", out)
	}
	if got := export(); !strings.Contains(got, "--force") {
		t.Errorf("again: %q", got)
	}
	cache := filepath.Join(bundle, "__pycache__", "fm_load.pyc")
	if err := os.MkdirAll(filepath.Dir(cache), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cache, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := export("--force"); got != "" || !maps.EqualFunc(first, filesIn(t, bundle), bytes.Equal) {
		t.Errorf("with --force: %q, or other files than at first", got)
	}
	if err := os.WriteFile(filepath.Join(bundle, "notes.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := export("--force"); !strings.Contains(got, "notes.txt, which is no part of a bundle") {
		t.Errorf("over a file of mine: %q", got)
	}
	if out := must(t, "verify", bundle, "--parity", "native"); strings.Contains(out, "notes.txt") {
		t.Errorf("verify minds another file\n%s", out)
	}
	b := bytes.Clone(first["sampler.onnx"])
	b[len(b)/2] ^= 1
	if err := os.WriteFile(filepath.Join(bundle, "sampler.onnx"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, failure := run("verify", bundle, "--parity", "native"); !strings.Contains(failure, "sampler.onnx is not what the manifest promises") {
		t.Errorf("a bit flipped: %q", failure)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".bundle*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
