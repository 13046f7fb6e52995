;; A policy module written by hand: every chart has to say whose it is, somewhere, with a label `team`.
;; Build it with `wat2wasm team.wat`, or `wasm-tools parse team.wat -o team.wasm`. Rules that look at objects one by one want a
;; language that reads JSON: see rust/.
(module
  (memory (export "memory") 2)

  ;; What is looked for, and the answers.
  (data (i32.const 0) "\22team\22:")
  (data (i32.const 64) "{\22ok\22:{\22findings\22:[]}}")
  (data (i32.const 128) "{\22ok\22:{\22findings\22:[{\22code\22:\22acme-team\22,\22severity\22:\22warning\22,\22message\22:\22no object has the label team\22,\22why\22:\22whoever is called at night has to know whom to call\22,\22fix\22:\22set the label team on every object\22}]}}")

  (func (export "abi_version") (result i32) (i32.const 1))

  ;; One request at a time, behind everything else.
  (func (export "alloc") (param $length i32) (result i32)
    (local $pages i32)
    (local.set $pages
      (i32.add (i32.const 2) (i32.shr_u (local.get $length) (i32.const 16))))
    (if (i32.gt_u (local.get $pages) (memory.size))
      (then
        (if (i32.eq
              (memory.grow (i32.sub (local.get $pages) (memory.size)))
              (i32.const -1))
          (then (return (i32.const 0))))))
    (i32.const 65536))

  (func (export "free") (param i32 i32))

  ;; Whether the seven bytes at $at are those that are looked for.
  (func $is_here (param $at i32) (result i32)
    (i32.and
      (i32.eq (i32.load (local.get $at)) (i32.load (i32.const 0)))
      (i32.eq
        (i32.load (i32.add (local.get $at) (i32.const 3)))
        (i32.load (i32.const 3)))))

  (func (export "call") (param $at i32) (param $length i32) (result i64)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $none
      (loop $next
        (br_if $none
          (i32.gt_u (i32.add (local.get $at) (i32.const 7)) (local.get $end)))
        (if (call $is_here (local.get $at))
          (then (return (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const 22)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i64.or (i64.shl (i64.const 128) (i64.const 32)) (i64.const 207))))
