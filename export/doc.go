// Package export writes models as ONNX files whose bytes have been checked: Velocity makes velocity.onnx, runs it on every engine it is handed, compares
// with a float64 forward pass, and returns the bytes only if all agree.
//
//	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "onnxruntime", Engine: e}}}
//	file, report, err := export.Velocity(ctx, model, export.Options{Checks: checks})
//
// velocity.onnx takes x [batch, D...] and t [T, 1] (T = 1 or batch), and y if the model is conditional, all in model space, and gives velocity [batch, D...].
// It holds operators alone, no functions and no control flow. Its metadata (keys io.fmtool.*) say all that a consumer must know, and its doc string says it
// in words. The same model gives the same bytes.
//
// Verify runs the same comparison on a file that exists. Writing the bytes to disk is the caller's: train/checkpoint has the crash-safe way.
package export
