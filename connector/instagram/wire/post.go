package wire

// PostRef names a post, reel or story.
type PostRef struct {
	ID    string // its number
	Code  string // as in its address, empty if not known
	Owner string // IGID, of a story only
	// Child is one picture of a post with several, empty for the post.
	Child string
}

// Post is what a post, reel or story shows.
type Post struct {
	Owner   string // user name
	Caption string
	Items   []PostItem // more than one in a carousel
}

// PostItem is a picture or video.
type PostItem struct {
	VideoURL      string // empty for a picture
	ImageURL      string
	Width, Height int
	Seconds       float64 // of a video
}
