//go:build cgo && !windows

package ort

/*
#include <signal.h>

#define SIGNALS 32
static struct sigaction kept[SIGNALS];

static void keep_signals(void) {
	for (int s = 1; s < SIGNALS; s++) sigaction(s, 0, &kept[s]);
}

static void restore_signals(void) {
	for (int s = 1; s < SIGNALS; s++)
		if (s != SIGKILL && s != SIGSTOP) sigaction(s, &kept[s], 0);
}
*/
import "C"

// keepSignals remembers the process's signal handlers, Go's; restoreSignals puts them back. The CUDA provider installs its own, without the
// flag that Go needs, and the next signal would end the program.
func keepSignals()    { C.keep_signals() }
func restoreSignals() { C.restore_signals() }
