package noderestriction

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
)

func storeOf(t *testing.T, objects ...any) cache.Indexer {
	t.Helper()
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, o := range objects {
		if err := store.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func claim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}}
}

// What a volume says about audiences is looked up as far as it can be: one that is not bound, or whose objects are gone,
// does not keep a node from the token that another volume of the pod asks for.
func TestAudiencesOfVolumes(t *testing.T) {
	p := &Plugin{
		claims: corelisters.NewPersistentVolumeClaimLister(storeOf(t, claim("bound", "v"), claim("waiting", ""), claim("lost", "gone"), claim("p-made", "v"))),
		volumes: corelisters.NewPersistentVolumeLister(storeOf(t, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"},
			Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "d"}}}})),
		drivers: storagelisters.NewCSIDriverLister(storeOf(t, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "d"},
			Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: "vault"}}}})),
	}
	of := func(name string) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}
	}
	token := corev1.Volume{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}}}}}
	for name, c := range map[string]struct {
		audience string
		volumes  []corev1.Volume
		want     bool
		err      string
	}{
		"the driver's":                     {audience: "vault", volumes: []corev1.Volume{of("bound")}, want: true},
		"that of an ephemeral volume":      {audience: "vault", volumes: []corev1.Volume{{Name: "made", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}}}, want: true},
		"nobody's":                         {audience: "other", volumes: []corev1.Volume{of("bound"), token}},
		"the token's":                      {volumes: []corev1.Volume{of("bound"), token}, want: true},
		"no volume yet":                    {volumes: []corev1.Volume{of("waiting")}},
		"no volume yet, the token's":       {volumes: []corev1.Volume{of("waiting"), token}, want: true},
		"a lost volume":                    {volumes: []corev1.Volume{of("lost")}, err: `persistentvolume "gone" not found`},
		"a lost volume, the token's":       {volumes: []corev1.Volume{of("lost"), token}, want: true},
		"a claim that is gone":             {audience: "vault", volumes: []corev1.Volume{of("none")}, err: `persistentvolumeclaim "none" not found`},
		"a claim that is gone, the driver": {audience: "vault", volumes: []corev1.Volume{of("none"), of("bound")}, want: true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Volumes: c.volumes}}
		got, err := p.usesAudience(pod, c.audience)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: got %t, %v, want %t, %q", name, got, err, c.want, c.err)
		}
	}
}
