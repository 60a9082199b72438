package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

// Folder makes the folder path of the files that fill adds by slash-separated names, so that a crash at any moment leaves no folder at path or all of it: a
// hidden folder beside it, everything synced, then a rename. When fill or the disk fails, nothing is left. A folder with files in it is an error, fs.ErrExist,
// or with replace makes way once the new one is whole; a crash just then leaves the old one beside, as .NAME.old.
func Folder(files FS, path string, replace bool, fill func(add func(name string, b []byte) error) error) error {
	f := folder{files: files, path: filepath.Clean(path)}
	f.temp, f.old = f.beside(".tmp"), f.beside(".old")
	err := f.files.RemoveAll(f.temp) // of a run that died
	if err == nil {
		err = fill(f.add)
	}
	if err == nil {
		err = f.sync()
	}
	if err == nil {
		err = f.place(replace)
	}
	if err != nil {
		f.files.RemoveAll(f.temp) //nolint:errcheck // as far as the failing disk lets it
		return fmt.Errorf("checkpoint: %s: %w", f.path, err)
	}
	return nil
}

// folder is one on its way.
type folder struct {
	files           FS
	path, temp, old string
	dirs            []string // made, parents first
}

func (f *folder) beside(suffix string) string {
	return filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+suffix)
}

// add writes and syncs a file.
func (f *folder) add(name string, b []byte) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%q is no name of a file in a folder", name)
	}
	full := filepath.Join(f.temp, filepath.FromSlash(name))
	for dir := filepath.Dir(full); ; dir = filepath.Dir(dir) {
		if !slices.Contains(f.dirs, dir) {
			f.dirs = append(f.dirs, dir)
		}
		if dir == f.temp {
			break
		}
	}
	if err := f.files.MkdirAll(filepath.Dir(full)); err != nil {
		return err
	}
	return fill(f.files, full, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// sync makes the names of the files last.
func (f *folder) sync() error {
	for _, dir := range f.dirs {
		if err := f.files.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// place puts the whole folder where it belongs.
func (f *folder) place(replace bool) error {
	there, err := f.files.ReadDir(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(there) == 0:
		err = f.files.Remove(f.path)
	case !replace:
		return fmt.Errorf("the folder is not empty: %w", fs.ErrExist)
	default:
		return f.exchange()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.files.Rename(f.temp, f.path); err != nil {
		return err
	}
	return f.files.SyncDir(filepath.Dir(f.path))
}

// exchange puts the folder in the old one's place.
func (f *folder) exchange() error {
	if err := f.files.RemoveAll(f.old); err != nil {
		return err
	}
	if err := f.files.Rename(f.path, f.old); err != nil {
		return err
	}
	if err := f.files.Rename(f.temp, f.path); err != nil {
		if back := f.files.Rename(f.old, f.path); back != nil {
			err = fmt.Errorf("%w; the old folder is now %s", err, f.old)
		}
		return err
	}
	if err := f.files.SyncDir(filepath.Dir(f.path)); err != nil {
		return err
	}
	return f.files.RemoveAll(f.old)
}
