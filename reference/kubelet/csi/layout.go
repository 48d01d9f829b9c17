package csi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// layout is where things of a pod's volume are; drivers and their users know these places.
type layout struct {
	// stage is where the driver makes the volume available to the node, target where to the pod.
	stage, target string
	// staged and published are the files that tell that a driver was asked to; they are written before it is.
	staged, published string
}

// layoutOf: dir is the pod's own directory of the volume.
func (p *Plugin) layoutOf(r *volumes.Record, dir string) layout {
	c, base := r.Spec.CSI, filepath.Join(p.Root, "plugins", pluginName)
	if r.Block() {
		devices := filepath.Join(base, "volumeDevices")
		return layout{
			stage:     filepath.Join(devices, "staging", r.Name),
			target:    filepath.Join(devices, "publish", r.Name, string(r.Pod)),
			staged:    filepath.Join(devices, r.Name, "data", dataFile),
			published: filepath.Join(dir, dataFile),
		}
	}
	global := filepath.Join(base, c.Driver, fmt.Sprintf("%x", sha256.Sum256([]byte(c.VolumeHandle))))
	return layout{
		stage:     filepath.Join(global, "globalmount"),
		target:    filepath.Join(dir, "mount"),
		staged:    filepath.Join(global, dataFile),
		published: filepath.Join(dir, dataFile),
	}
}

const dataFile = "vol_data.json"

// data is what such a file says.
type data struct {
	Driver       string `json:"driverName"`
	Handle       string `json:"volumeHandle"`
	SpecName     string `json:"specVolID"`
	Node         string `json:"nodeName"`
	AttachmentID string `json:"attachmentID,omitempty"`
	Lifecycle    string `json:"volumeLifecycleMode,omitempty"`
	// Done is the boot of the node in which the driver said that it has done it, empty before.
	Done string `json:"done,omitempty"`
}

func readData(file string) (*data, error) { return volumes.ReadJSON[data](file) }

func writeData(file string, d data) error { return volumes.WriteJSON(file, d) }

// boot names the time since the node started: mounts that were made in another are gone. The node may be a container,
// whose first process starts with it.
var boot = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	stat, _ := os.ReadFile("/proc/1/stat")
	// The command's name, in parentheses, may have spaces; the start time is the 20th field after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	start := ""
	if len(fields) > 19 {
		start = fields[19]
	}
	return strings.TrimSpace(string(id)) + "/" + start
})

// removeEmpty removes what a driver leaves of a mount point, never what may be mounted there. The directories above
// go up to, and without, the last, as far as they are empty.
func removeEmpty(path, last string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := filepath.Dir(path); strings.HasPrefix(dir, last+"/"); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}
