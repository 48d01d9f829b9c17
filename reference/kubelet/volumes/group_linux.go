package volumes

import (
	"io/fs"
	"syscall"
)

func groupOf(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(s.Gid)
	}
	return -1
}
