// Package checkpoint keeps the state of a training run on disk so that no crash, full disk or damaged file loses more than the steps since the last save.
//
// A checkpoint is one file: a line with the SHA-256 of what follows, then safetensors. It is written under a temporary name, synced, renamed and its folder
// synced; the one before is kept until then and one save longer. Load takes the newest that is intact.
package checkpoint
