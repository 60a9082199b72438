package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"

	"fmtool/models/tensor"
	"fmtool/train/checkpoint"
)

// state is one whose numbers tell its step.
func state(step int) checkpoint.State {
	return checkpoint.State{Step: step, Facts: map[string]string{"data": "abc"}, Tensors: map[string]tensor.Tensor{
		"w": tensor.Full(float32(step), 3, 2), "adamw.m.w": tensor.New(tensor.Float32, 3, 2)}}
}

func save(t *testing.T, dir string, steps ...int) {
	t.Helper()
	for _, s := range steps {
		if err := checkpoint.Save(checkpoint.Disk, dir, state(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(a, b checkpoint.State) bool {
	return a.Step == b.Step && maps.Equal(a.Facts, b.Facts) && maps.EqualFunc(a.Tensors, b.Tensors, func(x, y tensor.Tensor) bool {
		return x.String() == y.String() && bytes.Equal(x.Bytes(), y.Bytes())
	})
}

func list(t *testing.T, dir string) string {
	t.Helper()
	names, err := checkpoint.Disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// What is saved is loaded; the newest counts, the one before is kept, older ones go.
func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "checkpoint")
	if _, err := checkpoint.Load(checkpoint.Disk, dir); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("without a folder: %v", err)
	}
	save(t, dir, 9, 10, 200)
	got, err := checkpoint.Load(checkpoint.Disk, dir)
	if err != nil || !equal(got, state(200)) {
		t.Errorf("got %+v, %v", got, err)
	}
	if names := list(t, dir); names != "step-000000000010.ckpt step-000000000200.ckpt" {
		t.Errorf("the folder holds %s", names)
	}
}

// A damaged newest file is passed over for the one before; what cannot be read is removed by the next save, never the good one.
func TestDamagedCheckpointFallsBack(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 2)
	newest := filepath.Join(dir, "step-000000000002.ckpt")
	b, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, b[:len(b)/2], b[:len(b)-1], append(b[:len(b):len(b)], 0), []byte("something else\n")} {
		if err := os.WriteFile(newest, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := checkpoint.Load(checkpoint.Disk, dir); err != nil || got.Step != 1 {
			t.Errorf("with %d bytes of %d: step %d, %v", len(bad), len(b), got.Step, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "step-000000000001.ckpt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Load(checkpoint.Disk, dir); err == nil || errors.Is(err, checkpoint.ErrNone) ||
		!strings.Contains(err.Error(), "step-000000000002.ckpt: checkpoint: ") ||
		!strings.Contains(err.Error(), "step-000000000001.ckpt: checkpoint: not a checkpoint file") {
		t.Errorf("two damaged files: %v", err)
	}
	save(t, dir, 1)
	if names := list(t, dir); names != "step-000000000001.ckpt" {
		t.Errorf("after a save of step 1 the folder holds %s", names)
	}
}

// A change of any byte is noticed.
func TestEveryByteCounts(t *testing.T) {
	b, err := state(7).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for _, flip := range []byte{1, 0x80} {
			c := bytes.Clone(b)
			c[i] ^= flip
			if s, err := checkpoint.Unmarshal(c); err == nil {
				t.Fatalf("byte %d of %d changed: read as step %d", i, len(b), s.Step)
			}
		}
	}
	for i := range b {
		if _, err := checkpoint.Unmarshal(b[:i]); err == nil {
			t.Fatalf("cut to %d bytes of %d: read", i, len(b))
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	b, err := state(3).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("fmtool checkpoint 1 sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := checkpoint.Unmarshal(b)
		if err != nil {
			return
		}
		again, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := checkpoint.Unmarshal(again); err != nil || !equal(back, s) {
			t.Errorf("read back as %+v, %v", back, err)
		}
	})
}

// failing is a disk whose operation number n fails, and every write after it, as on a full disk.
type failing struct {
	checkpoint.FS
	n, count *int
	short    bool // the failing write puts half of its bytes down
}

func (f failing) fail(op string) error {
	*f.count++
	if *f.count >= *f.n {
		return fmt.Errorf("%s: %w", op, syscall.ENOSPC)
	}
	return nil
}

func (f failing) MkdirAll(dir string) error {
	if err := f.fail("mkdir"); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

func (f failing) Create(name string) (checkpoint.File, error) {
	if err := f.fail("create"); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	return failingFile{file, f}, err
}

func (f failing) Rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f failing) SyncDir(dir string) error {
	if err := f.fail("sync folder"); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

type failingFile struct {
	checkpoint.File
	fs failing
}

func (f failingFile) Write(b []byte) (int, error) {
	if err := f.fs.fail("write"); err != nil {
		n := 0
		if f.fs.short {
			n, _ = f.File.Write(b[:len(b)/2])
		}
		return n, err
	}
	return f.File.Write(b)
}

func (f failingFile) Sync() error {
	if err := f.fs.fail("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f failingFile) Close() error {
	err := f.File.Close()
	if failed := f.fs.fail("close"); failed != nil {
		return failed
	}
	return err
}

// Whichever operation of a save fails, the error says so and a whole checkpoint can be loaded: the old one, or the new one if only its last
// operation failed. Nothing half-written is left.
func TestFullDisk(t *testing.T) {
	for _, short := range []bool{false, true} {
		failures := 0
		for n := 1; ; n++ {
			dir := t.TempDir()
			save(t, dir, 1)
			count := 0
			err := checkpoint.Save(failing{checkpoint.Disk, &n, &count, short}, dir, state(2))
			got, loadErr := checkpoint.Load(checkpoint.Disk, dir)
			if loadErr != nil {
				t.Fatalf("operation %d: %v", n, loadErr)
			}
			if !equal(got, state(got.Step)) {
				t.Errorf("operation %d: step %d has the numbers of another", n, got.Step)
			}
			if names := list(t, dir); strings.Contains(names, ".tmp") {
				t.Errorf("operation %d leaves %s", n, names)
			}
			if err == nil {
				if got.Step != 2 {
					t.Errorf("saved without an error, but step %d is loaded", got.Step)
				}
				break
			}
			failures++
			if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "checkpoint: ") {
				t.Errorf("operation %d: %v", n, err)
			}
		}
		if failures != 7 { // mkdir, create, write, sync, close, rename, sync folder
			t.Errorf("%d operations of a save can fail, want 7", failures)
		}
	}
}

// A save copies no tensor: it takes a small part of the state's memory.
func TestSaveTakesNoMemory(t *testing.T) {
	s := checkpoint.State{Step: 1, Tensors: map[string]tensor.Tensor{"w": tensor.New(tensor.Float32, 1<<20), "v": tensor.New(tensor.Float32, 1<<20)}}
	dir := t.TempDir()
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	if err := checkpoint.Save(checkpoint.Disk, dir, s); err != nil {
		t.Fatal(err)
	}
	goruntime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("a save of 8 MiB allocates %d bytes, want less than 1 MiB", took)
	}
}

func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	for step := 100; step <= 300; step += 100 {
		s := checkpoint.State{Step: step, Tensors: map[string]tensor.Tensor{"w": tensor.Full(float32(step), 2)}}
		if err := checkpoint.Save(checkpoint.Disk, dir, s); err != nil {
			fmt.Println(err)
		}
	}
	s, err := checkpoint.Load(checkpoint.Disk, dir)
	fmt.Println(s.Step, s.Tensors["w"].Float32(), err)
	// Output: 300 [300 300] <nil>
}
