package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
)

// hostPath checks that what is on the node is of the type that the volume asks for, and makes
// it where the type says so (docs: concepts/storage/volumes#hostpath).
func hostPath(h *v1.HostPathVolumeSource) error {
	kind := v1.HostPathUnset
	if h.Type != nil {
		kind = *h.Type
	}
	switch kind {
	case v1.HostPathUnset:
		return nil
	case v1.HostPathDirectoryOrCreate:
		if _, err := os.Stat(h.Path); errors.Is(err, fs.ErrNotExist) {
			return os.MkdirAll(h.Path, 0o755)
		}
		return typed(h.Path, "directory", fs.ModeDir)
	case v1.HostPathFileOrCreate:
		if _, err := os.Stat(h.Path); errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat(filepath.Dir(h.Path)); err != nil {
				return err
			}
			return os.WriteFile(h.Path, nil, 0o644)
		}
		return file(h.Path)
	case v1.HostPathDirectory:
		return typed(h.Path, "directory", fs.ModeDir)
	case v1.HostPathFile:
		return file(h.Path)
	case v1.HostPathSocket:
		return typed(h.Path, "socket file", fs.ModeSocket)
	case v1.HostPathCharDev:
		return typed(h.Path, "character device", fs.ModeDevice|fs.ModeCharDevice)
	case v1.HostPathBlockDev:
		return typed(h.Path, "block device", fs.ModeDevice)
	default:
		return fmt.Errorf("%s is an invalid volume type", kind)
	}
}

// file takes everything that is no directory: upstream does, and there are pods that mount devices as files.
func file(path string) error {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return fmt.Errorf("hostPath type check failed: %s is not a file", path)
	}
	return nil
}

func typed(path, name string, want fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != want {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", path, name)
	}
	return nil
}

// makeMissing makes the directory if there is nothing: where no type is asked for, nothing is checked,
// and what is missing is found as an empty directory.
func makeMissing(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.MkdirAll(path, 0o755)
}
