package volumes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// Where the records of a pod are, below its directory.
const recordDir = "volume-records"

func (m *Manager) recordFile(pod types.UID, volume string) string {
	return filepath.Join(m.PodDir(pod), recordDir, volume+".json")
}

// record returns what the node remembers of the pod's volume, nil if nothing.
func (m *Manager) record(pod types.UID, volume string) (*Record, error) {
	return ReadJSON[Record](m.recordFile(pod, volume))
}

// records returns those of a pod, or of all pods if the pattern is "*". One that cannot be read does not keep the node
// from working: what it stood for is unmounted with all else of its pod.
func (m *Manager) records(pod string) ([]*Record, error) {
	files, err := filepath.Glob(filepath.Join(m.root, "pods", pod, recordDir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []*Record
	for _, file := range files {
		r, err := ReadJSON[Record](file)
		if err != nil {
			klog.Background().Error(err, "Cannot read the record of a volume")
		}
		if r != nil && err == nil {
			out = append(out, r)
		}
	}
	return out, nil
}

// save writes the record so that it is there, whole, whatever happens next.
func (m *Manager) save(r *Record) error {
	return WriteJSON(m.recordFile(r.Pod, r.Volume), r)
}

// ReadJSON reads what WriteJSON wrote, nil if there is no such file.
func ReadJSON[T any](file string) (*T, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// WriteJSON writes the file, and the directory if need be, so that it is there in whole or as it was before.
func WriteJSON(file string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return replace(file, text)
}

// replace writes the file in one step.
func replace(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+strings.TrimSuffix(filepath.Base(file), ".json")+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Names returns how the pod calls the volumes that it has by a claim, by the names of their directories.
func (m *Manager) Names(pod types.UID) map[string]string {
	names := map[string]string{}
	all, err := m.records(string(pod))
	if err != nil {
		return names
	}
	for _, r := range all {
		names[r.Name] = r.Volume
	}
	return names
}
