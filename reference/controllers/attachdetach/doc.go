// Package attachdetach attaches volumes to the nodes whose pods use them and detaches them when none does any more, by
// creating and deleting VolumeAttachments. A CSI driver's attacher carries them out and answers in their status.
//
// What is desired follows from the pods, what is there from the VolumeAttachments: nothing is remembered that a restart
// would lose but since when a volume waits to be detached, and which events have been told. A volume that only one node
// may have is attached to a second one when the attachment to the first is gone. A volume is detached only after its
// node has said that it is not mounted, and after the node was told that it will go: unless the node is out of service,
// or not healthy for six minutes.
//
// Keys are nodes.
//
// https://kubernetes.io/docs/reference/kubernetes-api/storage/volume-attachment-v1/
package attachdetach
