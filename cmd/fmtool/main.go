// Command fmtool trains flow-matching models natively and runs them anywhere as ONNX.
//
//	fmtool train digits -o runs/digits     learn a velocity field
//	fmtool export model.onnx               write it as ONNX, after a parity check
//	fmtool sample model.onnx -n 64         draw samples through onnxruntime
//
// `fmtool help` lists the commands; each has an example. Results go to standard output, everything else to standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	report := func(err error) { fmt.Fprintln(os.Stderr, "fmtool:", oneLine(err)) }
	if limits := os.Getenv(confinedKey); limits != "" {
		report = reportToParent
		if err := confine(limits); err != nil {
			report(err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	if err := root().ExecuteContext(ctx); err != nil {
		report(err)
		os.Exit(1)
	}
}
