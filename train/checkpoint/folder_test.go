package checkpoint_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fmtool/train/checkpoint"
)

// folderOf adds the files in the order of their names, and then returns err.
func folderOf(files map[string]string, err error) func(add func(string, []byte) error) error {
	return func(add func(string, []byte) error) error {
		for name, text := range files {
			if err := add(name, []byte(text)); err != nil {
				return err
			}
		}
		return err
	}
}

// tree is what lies below a folder: the texts of files by name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

var (
	older = map[string]string{"a": "1", "gone": "2"}
	newer = map[string]string{"a": "3", "b/c/d": "4", "b/e": "5"}
)

// A folder is made where nothing or an empty folder is, and takes the place of another only if asked to; nothing stays beside it.
func TestFolder(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "f")
	write := func(files map[string]string, replace bool, err error) error {
		return checkpoint.Folder(checkpoint.Disk, dir+"/", replace, folderOf(files, err))
	}
	refused := errors.New("refused")
	if err := write(newer, false, refused); !errors.Is(err, refused) || list(t, root) != "" {
		t.Errorf("a failing fill gives %v and leaves %q", err, list(t, root))
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := write(older, false, nil); err != nil || !maps.Equal(tree(t, dir), older) {
		t.Errorf("in an empty folder: %v, %v", tree(t, dir), err)
	}
	if err := write(newer, false, nil); !errors.Is(err, fs.ErrExist) || !maps.Equal(tree(t, dir), older) {
		t.Errorf("over files: %v, %v", tree(t, dir), err)
	}
	if err := write(newer, true, nil); err != nil || !maps.Equal(tree(t, dir), newer) || list(t, root) != "f" {
		t.Errorf("replaced: %v, %v; beside it %s", tree(t, dir), err, list(t, root))
	}
	for _, name := range []string{"../x", "/x", "a/../b", "", "."} {
		if err := write(map[string]string{name: ""}, true, nil); err == nil || !maps.Equal(tree(t, dir), newer) || list(t, root) != "f" {
			t.Errorf("a file called %q: %v", name, err)
		}
	}
}

// What a run that was killed left behind is in nobody's way.
func TestFolderAfterACrash(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{".f.tmp/half", ".f.old/a"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "f")
	for range 2 { // where nothing is, and over another
		if err := checkpoint.Folder(checkpoint.Disk, dir, true, folderOf(newer, nil)); err != nil || !maps.Equal(tree(t, dir), newer) {
			t.Errorf("got %v, %v", tree(t, dir), err)
		}
	}
	if names := list(t, root); names != "f" {
		t.Errorf("the folder holds %s", names)
	}
}

// Whichever operation fails, the error says so, and what stands at the place is no folder or a whole one, the old or the new; nothing half-written is left.
func TestFolderOnAFullDisk(t *testing.T) {
	for _, replace := range []bool{false, true} {
		failures := 0
		for n := 1; ; n++ {
			root := t.TempDir()
			dir := filepath.Join(root, "f")
			if replace {
				if err := checkpoint.Folder(checkpoint.Disk, dir, false, folderOf(older, nil)); err != nil {
					t.Fatal(err)
				}
			}
			count := 0
			err := checkpoint.Folder(failing{checkpoint.Disk, &n, &count, true}, dir, replace, folderOf(newer, nil))
			got, kept := tree(t, dir), tree(t, filepath.Join(root, ".f.old"))
			whole := maps.Equal(got, newer) || replace && (maps.Equal(got, older) || len(got) == 0 && maps.Equal(kept, older)) || !replace && len(got) == 0
			if _, left := os.Stat(filepath.Join(root, ".f.tmp")); !whole || left == nil {
				t.Errorf("operation %d leaves %v, kept %v, %s", n, got, kept, list(t, root))
			}
			if err == nil {
				if !maps.Equal(got, newer) || list(t, root) != "f" {
					t.Errorf("written without an error: %v in %s", got, list(t, root))
				}
				break
			}
			failures++
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("operation %d: %v", n, err)
			}
		}
		if want := map[bool]int{false: 20, true: 21}[replace]; failures != want { // 3 × (mkdir, create, write, sync, close), 3 folders synced, renames, sync
			t.Errorf("replace %v: %d operations can fail, want %d", replace, failures, want)
		}
	}
}
