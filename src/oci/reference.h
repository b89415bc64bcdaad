/* reference.h - names of images: [DOMAIN/]PATH[:TAG][@DIGEST], normalised as Docker does.
 *
 * "busybox" is docker.io/library/busybox:latest, "u/app" is docker.io/u/app; a first component with a dot, a colon or
 * upper case, or "localhost", is a registry. The canonical form is what a store keeps, the familiar one what people see. */
#pragma once

#include <stdbool.h>
#include "base/cleanup.h"
#include "base/error.h"

#define REFERENCE_DEFAULT_DOMAIN "docker.io"
#define REFERENCE_DEFAULT_TAG "latest"

struct reference {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* "library/busybox" */
    char *tag;    /* or NULL */
    char *digest; /* or NULL */
};

/* Fills *out (freed by reference_done); ERROR_INVALID "invalid reference format ..." as Docker says it. A tag is not added:
 * see reference_default_tag. 64 hexadecimal digits alone are refused (they are an id). */
MUST_CHECK int reference_parse(const char *text, struct reference *out, struct error *err);
/* Adds ":latest" when there is neither tag nor digest. */
void reference_default_tag(struct reference *reference);
void reference_done(struct reference *reference);
DEFINE_CLEANUP_STRUCT(reference, struct reference, reference_done)
#define _cleanup_reference_ _cleanup_(reference)

/* "docker.io/library/busybox:latest", with tag and digest as far as there are; owned by the caller. */
char *reference_text(const struct reference *reference);
/* "docker.io/library/busybox". */
char *reference_repository(const struct reference *reference);
/* "busybox:latest", "busybox@sha256:...", "localhost:5000/app:1". */
char *reference_familiar(const struct reference *reference);
/* "busybox", "localhost:5000/app". */
char *reference_familiar_repository(const struct reference *reference);
/* From canonical text, which must be valid: "docker.io/library/busybox:latest" -> "busybox:latest". */
char *reference_text_familiar(const char *canonical);
