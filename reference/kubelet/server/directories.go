package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/etalon-dev/etalon/reference/kubelet/directories"
)

// Directories are behind the volumes that the provisioner etalon.dev/hostpath has made on this node.
type Directories interface {
	Make(name string, bytes uint64) (path string, err error)
	Delete(name string) error
}

// directory is the answer of PUT /directories/{name}.
type directory struct {
	Path string `json:"path"`
}

// makeDirectory answers PUT /directories/{name}?bytes=N, for the provisioner, through the API server's nodes/proxy.
func (s *Server) makeDirectory(w http.ResponseWriter, r *http.Request) {
	bytes, err := strconv.ParseUint(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil {
		http.Error(w, "bytes: "+err.Error(), http.StatusBadRequest)
		return
	}
	path, err := s.Directories.Make(r.PathValue("name"), bytes)
	if err != nil {
		failDirectory(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(directory{Path: path})
}

// deleteDirectory answers DELETE /directories/{name}.
func (s *Server) deleteDirectory(w http.ResponseWriter, r *http.Request) {
	if err := s.Directories.Delete(r.PathValue("name")); err != nil {
		failDirectory(w, err)
	}
}

func failDirectory(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, directories.ErrInUse):
		code = http.StatusConflict
	case errors.Is(err, directories.ErrTooLarge):
		code = http.StatusUnprocessableEntity
	}
	http.Error(w, err.Error(), code)
}
