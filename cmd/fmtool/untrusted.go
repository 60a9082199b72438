package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// confinedKey is the environment variable by which a process is told to limit itself before it opens anything: bytes of memory, seconds of processor
// time. It tells its error on the file that follows the standard ones.
const confinedKey = "FMTOOL_CONFINED"

// guard runs a command, in a child process of this program if the file is not to be trusted. The child's death is an error here.
func (f *fileFlags) guard(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd.Flags()); err != nil {
			return err
		}
		if !f.untrusted || os.Getenv(confinedKey) != "" {
			return run(cmd, args)
		}
		return f.child(cmd, args)
	}
}

// check refuses settings that make no sense together.
func (f *fileFlags) check(flags *pflag.FlagSet) error {
	if !f.untrusted {
		for _, name := range []string{"memory-limit", "time-limit"} {
			if flags.Changed(name) {
				return fmt.Errorf("--%s is for a file that is not trusted; add --untrusted", name)
			}
		}
		return nil
	}
	if p := flags.Lookup("provider"); p != nil && p.Value.String() != "cpu" {
		return errors.New("--untrusted limits the memory of a process, with which no other provider than cpu works; leave --provider out")
	}
	if f.memory < 64 || f.time < time.Second {
		return fmt.Errorf("limits of %d MiB and %v: want at least 64 MiB and 1s", f.memory, f.time)
	}
	return confinable()
}

// child runs the same command line in a process with limits.
func (f *fileFlags) child(cmd *cobra.Command, args []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(cmd.Context(), 20*f.time+time.Minute) // of waiting, which takes no processor time
	defer stop()
	c := exec.CommandContext(ctx, program, again(cmd, args)...)
	c.Env = append(os.Environ(), "GOTRACEBACK=none", fmt.Sprintf("%s=%d %d", confinedKey, f.memory<<20, int(f.time.Seconds())))
	talk := &lastWords{w: cmd.ErrOrStderr()}
	c.Stdout, c.Stderr, c.ExtraFiles = cmd.OutOrStdout(), talk, []*os.File{w}
	err = c.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return err
	}
	told, _ := io.ReadAll(io.LimitReader(r, 1<<16)) //nolint:errcheck // of a child that dies nothing comes
	_ = r.Close()
	err = c.Wait()
	switch {
	case err == nil:
		return nil
	case len(told) > 0:
		return errors.New(string(told))
	case cmd.Context().Err() != nil:
		return cmd.Context().Err()
	}
	return fmt.Errorf("%s: the process that worked on this file died: %s", args[0], f.reason(c.ProcessState, talk.fatal))
}

// reason says in words why a child died.
func (f *fileFlags) reason(s *os.ProcessState, fatal string) string {
	switch {
	case s.UserTime()+s.SystemTime() >= f.time-time.Second/2:
		return fmt.Sprintf("it used up the %v of processor time that --time-limit allows", f.time)
	case strings.Contains(fatal, "memory") || strings.Contains(fatal, "bad_alloc") || strings.Contains(fatal, "pthread_create"):
		return fmt.Sprintf("it wanted more than the %d MiB of memory that --memory-limit allows", f.memory)
	case fatal != "":
		return s.String() + ", " + fatal
	}
	return s.String()
}

// again is the command line that leads to this call.
func again(cmd *cobra.Command, args []string) []string {
	line := []string{cmd.Name()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		line = append(line, "--"+f.Name+"="+value)
	})
	return append(append(line, "--"), args...)
}

// lastWords passes on what a child says, until it says that it dies: that line is kept, what follows is dropped.
type lastWords struct {
	w     io.Writer
	fatal string
}

// Write implements io.Writer.
func (l *lastWords) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		for _, word := range []string{"fatal error: ", "panic: ", "runtime: ", "SIGSEGV", "terminate called", "runtime/cgo: ", "what(): "} {
			if l.fatal == "" && bytes.HasPrefix(bytes.TrimSpace(line), []byte(word)) {
				l.fatal = strings.TrimSpace(string(line))
			}
		}
		if l.fatal != "" {
			continue
		}
		if _, err := l.w.Write(line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// reportToParent tells an error on the file that the parent reads.
func reportToParent(err error) {
	pipe := os.NewFile(3, "report")
	_, _ = io.WriteString(pipe, oneLine(err)) //nolint:errcheck // then the exit status must do
	_ = pipe.Close()
}
