// Package persistentvolume binds PersistentVolumeClaims to PersistentVolumes, one to one, has volumes made for claims
// that none fits, and sees to the volumes whose claim is gone.
//
// A binding is written in four steps, each of which can be the last before a crash: the volume's claimRef, its phase, the
// claim's volumeName, its phase. Since the volume names its claim first, with the claim's uid, no other claim can get it
// meanwhile, and whoever comes next finishes the same binding.
//
// Keys with a namespace are claims, those without are volumes.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim
package persistentvolume
