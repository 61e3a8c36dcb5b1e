package lightspeed

// ThreadType says what a thread is.
type ThreadType int64

// The types that matter here.
const (
	ThreadOneToOne          ThreadType = 1
	ThreadGroup             ThreadType = 2
	ThreadMarketplace       ThreadType = 5
	ThreadFolder            ThreadType = 6
	ThreadSecretOneToOne    ThreadType = 7
	ThreadCarrierOneToOne   ThreadType = 10
	ThreadSecretVanishing   ThreadType = 13
	ThreadPageFollowUp      ThreadType = 14
	ThreadEncryptedOneToOne ThreadType = 15
	ThreadEncryptedGroup    ThreadType = 16
	ThreadAIBot             ThreadType = 201
)

// OneToOne says whether a thread of the type has one other person, whose id is the thread's key.
func (t ThreadType) OneToOne() bool {
	switch t {
	case ThreadOneToOne, ThreadSecretOneToOne, ThreadCarrierOneToOne, ThreadSecretVanishing, ThreadEncryptedOneToOne,
		ThreadAIBot:
		return true
	}
	return false
}

// Encrypted says whether the thread's messages travel on the encrypted socket.
func (t ThreadType) Encrypted() bool {
	return t == ThreadEncryptedOneToOne || t == ThreadEncryptedGroup
}

// Folders that matter here.
const (
	FolderInbox    = "inbox"
	FolderPending  = "pending" // a message request
	FolderOther    = "other"
	FolderSpam     = "spam"
	FolderArchived = "archived"
	FolderHidden   = "hidden"
	FolderCutOver  = "e2ee_cutover" // its messages moved to the encrypted socket
)
