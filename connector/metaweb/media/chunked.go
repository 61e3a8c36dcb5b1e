package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// fetchChunked asks how large the file is and reads it in parts, as players do; a server that doesn't offer parts is
// asked for the whole file.
func (f *Fetcher) fetchChunked(ctx context.Context, address *url.URL, kind Kind, limit int64) (*Body, error) {
	head, err := f.do(ctx, http.MethodHead, address, kind, "")
	if err != nil {
		return nil, err
	}
	_ = head.Body.Close()
	if head.StatusCode != http.StatusOK || head.Header.Get("Accept-Ranges") != "bytes" || head.ContentLength < 0 {
		response, err := f.do(ctx, http.MethodGet, address, kind, "")
		if err != nil {
			return nil, err
		}
		return newBody(response, limit)
	}
	if head.ContentLength > limit {
		return nil, ErrTooLarge
	}
	chunk := f.Chunk
	if chunk <= 0 {
		chunk = defaultChunk
	}
	return &Body{
		ReadCloser:  &chunks{ctx: ctx, fetcher: f, address: address, kind: kind, chunk: chunk, size: head.ContentLength},
		Size:        head.ContentLength,
		ContentType: head.Header.Get("Content-Type"),
	}, nil
}

// chunks reads a file part by part, each fetched when it is read.
type chunks struct {
	ctx      context.Context // of the Fetch that made it: it reads in the name of that call
	fetcher  *Fetcher
	address  *url.URL
	kind     Kind
	chunk    int64
	size, at int64
	part     io.ReadCloser
	left     int64 // of the part
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.at == c.size {
		return 0, io.EOF
	}
	if c.part == nil {
		if err := c.open(); err != nil {
			return 0, err
		}
	}
	n, err := c.part.Read(p[:min(int64(len(p)), c.left)])
	c.at += int64(n)
	c.left -= int64(n)
	if c.left == 0 {
		_ = c.Close()
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *chunks) open() error {
	end := min(c.at+c.chunk, c.size)
	response, err := c.fetcher.do(c.ctx, http.MethodGet, c.address, c.kind, fmt.Sprintf("bytes=%d-%d", c.at, end-1))
	if err != nil {
		return err
	}
	if err = statusError(response.StatusCode); err == nil && !covers(response, c.at, end) {
		err = errors.New("media server sent another part than was asked for")
	}
	if err != nil {
		_ = response.Body.Close()
		return err
	}
	c.part, c.left = response.Body, end-c.at
	return nil
}

// covers says whether a response is the part from at to end.
func covers(response *http.Response, at, end int64) bool {
	if response.StatusCode != http.StatusPartialContent {
		return false
	}
	text, ok := strings.CutPrefix(response.Header.Get("Content-Range"), "bytes ")
	first, rest, ok2 := strings.Cut(text, "-")
	last, _, _ := strings.Cut(rest, "/")
	return ok && ok2 && first == strconv.FormatInt(at, 10) && last == strconv.FormatInt(end-1, 10)
}

// Close closes the part being read.
func (c *chunks) Close() error {
	if c.part == nil {
		return nil
	}
	err := c.part.Close()
	c.part = nil
	return err
}
