{{ define "defaults" }}
a: 5
c:
  d: [1, 2]
{{ end }}