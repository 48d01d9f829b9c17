package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// Records remember which images this agent has pulled, and with which credentials, also over restarts (KEP-2535). In files
// they are ImagePullIntents in pulling/ and ImagePulledRecords in pulled/, named after the image.
type Records struct {
	Verification
	// dir is empty if nothing is to be kept.
	dir string
	now func() time.Time

	// writing is held by whoever changes the files. Those who only look need not wait for a disk.
	writing sync.Mutex
	mu      sync.Mutex
	// pulled has the records by file name; one that cannot be read is there without any credential.
	pulled map[string]*kubeletv1beta1.ImagePulledRecord
	// pulling counts the pulls under way by file name; 0 is one that an earlier agent has begun.
	pulling map[string]int
}

const intents, done = "pulling", "pulled"

// OpenRecords reads those in dir. Of images whose pull was cut short by the end of an agent it is not known whose credential they
// came with: if they are on the node, everyone has to show one.
func OpenRecords(ctx context.Context, dir string, v Verification, service internalapi.ImageManagerService) (*Records, error) {
	r := newRecords(dir, v)
	for _, sub := range []string{intents, done} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	err := each(filepath.Join(dir, done), func(name string, text []byte) {
		record := &kubeletv1beta1.ImagePulledRecord{}
		if json.Unmarshal(text, record) != nil || fileName(record.ImageRef) != name {
			klog.FromContext(ctx).Info("The record of an image says nothing, credentials will be asked for", "file", name)
			record = &kubeletv1beta1.ImagePulledRecord{}
		}
		r.pulled[name] = record
	})
	if err != nil {
		return nil, err
	}
	err = each(filepath.Join(dir, intents), func(name string, text []byte) {
		r.pulling[name] = 0
		var intent kubeletv1beta1.ImagePullIntent
		if json.Unmarshal(text, &intent) != nil || fileName(intent.Image) != name {
			return
		}
		full, err := normal(intent.Image)
		if err != nil {
			return
		}
		found, err := service.ImageStatus(ctx, &criv1.ImageSpec{Image: full}, false)
		if err != nil {
			return
		}
		id := found.GetImage().GetId()
		if id == "" {
			return
		}
		if r.pulled[fileName(id)] == nil {
			record := &kubeletv1beta1.ImagePulledRecord{ImageRef: id}
			record.SetGroupVersionKind(kubeletv1beta1.SchemeGroupVersion.WithKind("ImagePulledRecord"))
			if r.keep(done, id, record) != nil {
				return
			}
			r.pulled[fileName(id)] = record
		}
		delete(r.pulling, name)
		os.Remove(filepath.Join(dir, intents, name))
	})
	return r, err
}

func newRecords(dir string, v Verification) *Records {
	return &Records{Verification: v, dir: dir, now: time.Now, pulled: map[string]*kubeletv1beta1.ImagePulledRecord{}, pulling: map[string]int{}}
}

// each calls f with the files of dir. What was being written when an agent ended is removed.
func each(dir string, f func(name string, text []byte)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if filepath.Ext(e.Name()) == ".tmp" {
			os.Remove(path)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			text = nil
		}
		f(e.Name(), text)
	}
	return nil
}

func fileName(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// MayUse tells whether a pod may use the image that is on the node under the id, or has to pull it first; show returns what the pod
// can show, and is asked only if that matters.
func (r *Records) MayUse(ctx context.Context, image, id string, show func() []Credential) bool {
	r.mu.Lock()
	record := r.pulled[fileName(id)]
	_, intended := r.pulling[fileName(image)]
	r.mu.Unlock()
	name := repository(image)
	if !r.required(name, record != nil || intended) {
		return true
	}
	if record == nil {
		return false
	}
	if ok, _ := admits(record, name, nil); ok {
		return true
	}
	ok, learned := admits(record, name, show())
	if learned != nil {
		if err := r.note(image, id, learned); err != nil {
			klog.FromContext(ctx).Error(err, "Cannot note a credential of an image", "image", image)
		}
	}
	return ok
}

// Begin notes that the image will be pulled. Each call is followed by one of Pulled or Failed.
func (r *Records) Begin(image string) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	name := fileName(image)
	if _, known := r.pulling[name]; !known { // nobody else writes it
		intent := kubeletv1beta1.ImagePullIntent{Image: image}
		intent.SetGroupVersionKind(kubeletv1beta1.SchemeGroupVersion.WithKind("ImagePullIntent"))
		if err := r.keep(intents, image, intent); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulling[name]++
	return nil
}

// Pulled notes that the image was pulled, is there under the id, and with which credential it came, nil for none.
func (r *Records) Pulled(image, id string, with *Credential) error {
	err := r.note(image, id, with)
	// As long as the intent is there everyone has to show a credential.
	r.ended(image, err != nil)
	return err
}

// Failed notes that the image was not pulled.
func (r *Records) Failed(image string) { r.ended(image, false) }

func (r *Records) ended(image string, stays bool) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fileName(image)
	if r.pulling[name]--; r.pulling[name] <= 0 && !stays {
		delete(r.pulling, name)
		if r.dir != "" {
			os.Remove(filepath.Join(r.dir, intents, name))
		}
	}
}

func (r *Records) note(image, id string, with *Credential) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	record := pulled(r.pulled[fileName(id)], id, repository(image), with, r.now())
	if err := r.keep(done, id, record); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulled[fileName(id)] = record
	return nil
}

// Prune forgets the images that were not on the node at that time.
func (r *Records) Prune(ids []string, at time.Time) {
	present := map[string]bool{}
	for _, id := range ids {
		present[fileName(id)] = true
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, record := range r.pulled {
		if present[name] || !record.LastUpdatedTime.Time.Before(at) {
			continue
		}
		delete(r.pulled, name)
		if r.dir != "" {
			os.Remove(filepath.Join(r.dir, done, name))
		}
	}
}

// keep writes the file whole or not at all.
func (r *Records) keep(sub, of string, what any) error {
	if r.dir == "" {
		return nil
	}
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, sub, fileName(of))
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("the record of an image: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		os.Remove(path + ".tmp")
		return fmt.Errorf("the record of an image: %w", err)
	}
	return nil
}
