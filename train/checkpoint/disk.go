package checkpoint

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FS is what the package does with files; tests put one that fails in its place.
type FS interface {
	MkdirAll(dir string) error
	Create(name string) (File, error) // truncates
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error // of a folder and all in it; nothing there is no error
	SyncDir(dir string) error
	ReadFile(name string) ([]byte, error)
	ReadDir(dir string) ([]string, error) // names, sorted
}

// File is a file being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Disk is the file system of the machine.
var Disk FS = disk{}

type disk struct{}

func (disk) MkdirAll(dir string) error            { return os.MkdirAll(dir, 0o777) }
func (disk) Create(name string) (File, error)     { return os.Create(name) }
func (disk) Rename(from, to string) error         { return os.Rename(from, to) }
func (disk) Remove(name string) error             { return os.Remove(name) }
func (disk) RemoveAll(name string) error          { return os.RemoveAll(name) }
func (disk) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

func (disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (disk) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// WriteFile is Write of b.
func WriteFile(fs FS, path string, b []byte) error {
	return Write(fs, path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// Write puts what write writes at path so that a crash at any moment leaves the old file or the new one, whole: temporary name, sync, rename, sync of the folder.
// An error before the rename leaves the old file and removes the temporary one.
func Write(fs FS, path string, write func(io.Writer) error) error {
	temp := path + ".tmp"
	if err := fill(fs, temp, write); err != nil {
		fs.Remove(temp) // as far as the failing disk lets it
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if err := fs.Rename(temp, path); err != nil {
		fs.Remove(temp)
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if err := fs.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return nil
}

func fill(fs FS, name string, write func(io.Writer) error) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
