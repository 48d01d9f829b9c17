package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Handler answers the pulling half of the OCI distribution API.
//
// A repository is looked up by the full name of its images. Containerd, which asks this registry in
// place of every other, gives the rest of the name as ?ns=: /v2/library/busybox/manifests/1.37?ns=docker.io.
func (s *Store) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only; use `etalon image load`")
			return
		}
		path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
		switch repository, kind, last := split(path); {
		case ok && path == "":
			w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
			w.WriteHeader(http.StatusOK)
		case ok && kind == "manifests":
			s.manifest(w, r, repository, last)
		case ok && kind == "blobs":
			s.serveBlob(w, r, last, "application/octet-stream", "BLOB_UNKNOWN")
		case ok && kind == "tags" && last == "list":
			s.tags(w, r, repository)
		default:
			fail(w, http.StatusNotFound, "NAME_UNKNOWN", "no such resource: "+r.URL.Path)
		}
	})
}

// split cuts "a/b/manifests/tag" into "a/b", "manifests" and "tag".
func split(path string) (repository, kind, last string) {
	head, last, _ := cutLast(path)
	repository, kind, _ = cutLast(head)
	return repository, kind, last
}

func cutLast(path string) (before, after string, found bool) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return "", path, false
}

// fullName puts the registry that was asked for before the repository.
func fullName(r *http.Request, repository string) string {
	if registry := r.URL.Query().Get("ns"); registry != "" {
		return registry + "/" + repository
	}
	return repository
}

func (s *Store) manifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	if _, err := v1.NewHash(reference); err == nil {
		s.serveBlob(w, r, reference, "", "MANIFEST_UNKNOWN")
		return
	}
	full, err := Normalize(fullName(r, repository) + ":" + reference)
	if err != nil {
		fail(w, http.StatusBadRequest, "NAME_INVALID", err.Error())
		return
	}
	descriptor, ok, err := s.Find(full)
	switch {
	case err != nil:
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
	case !ok:
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "no image "+full)
	default:
		s.serveBlob(w, r, descriptor.Digest.String(), string(descriptor.MediaType), "MANIFEST_UNKNOWN")
	}
}

// serveBlob sends a blob by its digest. Without a media type it is a manifest, which says its own.
func (s *Store) serveBlob(w http.ResponseWriter, r *http.Request, digest, media, missing string) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		fail(w, http.StatusBadRequest, "DIGEST_INVALID", err.Error())
		return
	}
	f, err := os.Open(s.blob(hash))
	if err != nil {
		fail(w, http.StatusNotFound, missing, "no "+digest)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	if media == "" {
		if media, err = mediaType(f); err != nil {
			fail(w, http.StatusNotFound, missing, digest+" is not a manifest")
			return
		}
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Etag", strconv.Quote(digest))
	http.ServeContent(w, r, "", info.ModTime(), f)
}

func mediaType(f io.ReadSeeker) (string, error) {
	const most = 4 << 20
	var manifest struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
		Config    *struct{}         `json:"config"`
	}
	if err := json.NewDecoder(io.LimitReader(f, most)).Decode(&manifest); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	switch {
	case manifest.MediaType != "":
		return manifest.MediaType, nil
	case manifest.Manifests != nil:
		return string(types.OCIImageIndex), nil
	case manifest.Config != nil:
		return string(types.OCIManifestSchema1), nil
	}
	return "", fmt.Errorf("neither an index nor a manifest")
}

func (s *Store) tags(w http.ResponseWriter, r *http.Request, repository string) {
	prefix := fullName(r, repository) + ":"
	names, err := s.Names()
	if err != nil {
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	tags := []string{}
	for _, n := range names {
		if tag, ok := strings.CutPrefix(n, prefix); ok {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "no repository "+strings.TrimSuffix(prefix, ":"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repository, "tags": tags})
}

// fail answers in the form of the distribution API.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
