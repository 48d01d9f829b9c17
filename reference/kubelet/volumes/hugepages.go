package volumes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// hugePageSize is the size in bytes of the pages behind an emptyDir: what its medium says (HugePages-2Mi), or, for
// HugePages, the one size that the pod asks for (docs: tasks/manage-hugepages/scheduling-hugepages).
func hugePageSize(pod *v1.Pod, e *v1.EmptyDirVolumeSource) (int64, error) {
	asked := map[string]bool{}
	note := func(list v1.ResourceList) {
		for name := range list {
			if size, is := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix); is {
				asked[size] = true
			}
		}
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			note(list[i].Resources.Requests)
		}
	}
	if pod.Spec.Resources != nil {
		note(pod.Spec.Resources.Requests)
	}
	size, named := strings.CutPrefix(string(e.Medium), string(v1.StorageMediumHugePagesPrefix))
	switch {
	case e.Medium == v1.StorageMediumHugePages && len(asked) == 1:
		size = slices.Collect(maps.Keys(asked))[0]
	case e.Medium == v1.StorageMediumHugePages && len(asked) > 1:
		return 0, fmt.Errorf("medium %s can be used only if there is one huge page size requested", e.Medium)
	case e.Medium != v1.StorageMediumHugePages && !named:
		return 0, fmt.Errorf("unknown storage medium %q", e.Medium)
	case !asked[size]:
		return 0, fmt.Errorf("no request for huge pages was found for medium %s", e.Medium)
	}
	q, err := resource.ParseQuantity(size)
	if err != nil {
		return 0, fmt.Errorf("medium %s: %w", e.Medium, err)
	}
	return q.Value(), nil
}

// hugetlbfs mounts a file system of such pages at dir, which stays if it is one.
func hugetlbfs(dir string, pageSize int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return err
	}
	if s.Type == unix.HUGETLBFS_MAGIC && isMount(dir) {
		return nil
	}
	if err := unix.Mount("nodev", dir, "hugetlbfs", 0, fmt.Sprintf("pagesize=%d", pageSize)); err != nil {
		return fmt.Errorf("mount hugetlbfs at %s: %w", dir, err)
	}
	return nil
}
