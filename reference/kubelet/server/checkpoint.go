package server

import (
	"os"
	"path/filepath"
	"time"
)

// checkpointFile is where the state of a container goes that is written at that time. Whoever may read it can read the container's
// memory.
func (s *Server) checkpointFile(namespace, pod, container string, now time.Time) (string, error) {
	dir := filepath.Join(s.RootDir, "checkpoints")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(dir, "checkpoint-"+pod+"_"+namespace+"-"+container+"-"+now.Format(time.RFC3339)+".tar"), nil
}
