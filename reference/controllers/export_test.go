package controllers

// ErrLost is what Run returns when it was no longer the leader.
var ErrLost = errLost
