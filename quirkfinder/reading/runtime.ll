; Hand-written parts of the native engine, with $$-names filled in by llvm_runtime.py.  What the functions take and
; return is said there.

define internal ptr @skip(ptr %text, ptr %class, i64 %low, i64 %high) {
entry:
  br label %next
next:
  %count = phi i64 [ 0, %entry ], [ %more, %take ]
  %at = getelementptr i8, ptr %text, i64 %count
  %byte = load i8, ptr %at
  %code = zext i8 %byte to i64
  %cell = getelementptr i8, ptr %class, i64 %code
  %member = load i8, ptr %cell
  %in = icmp eq i8 %member, 1
  br i1 %in, label %take, label %end
take:
  %more = add i64 %count, 1
  br label %next
end:
  %few = icmp ult i64 %count, %low
  %many = icmp ugt i64 %count, %high
  %wrong = or i1 %few, %many
  %where = select i1 %wrong, ptr null, ptr %at
  ret ptr %where
}

define internal ptr @blanks(ptr %text) alwaysinline {
entry:
  br label %next
next:
  %at = phi ptr [ %text, %entry ], [ %after, %take ]
  %byte = load i8, ptr %at
  %is_blank = icmp eq i8 %byte, 32
  %is_tab = icmp eq i8 %byte, 9
  %is_return = icmp eq i8 %byte, 13
  %one = or i1 %is_blank, %is_tab
  %any = or i1 %one, %is_return
  br i1 %any, label %take, label %end
take:
  %after = getelementptr i8, ptr %at, i64 1
  br label %next
end:
  ret ptr %at
}

define internal ptr @end_of_line(ptr %text) alwaysinline {
entry:
  %byte = load i8, ptr %text
  %at_once = icmp eq i8 %byte, 10
  br i1 %at_once, label %found, label %look
look:
  %at = call ptr @blanks(ptr %text)
  %other = load i8, ptr %at
  %is = icmp eq i8 %other, 10
  br i1 %is, label %found, label %none
found:
  %newline = phi ptr [ %text, %entry ], [ %at, %look ]
  %after = getelementptr i8, ptr %newline, i64 1
  ret ptr %after
none:
  ret ptr null
}

define internal ptr @newline(ptr %text) {
entry:
  br label %next
next:
  %at = phi ptr [ %text, %entry ], [ %after, %none ]
  %bytes = load <32 x i8>, ptr %at, align 1
  %equal = icmp eq <32 x i8> %bytes, <i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10, i8 10>
  %mask = bitcast <32 x i1> %equal to i32
  %any = icmp ne i32 %mask, 0
  br i1 %any, label %found, label %none
none:
  %after = getelementptr i8, ptr %at, i64 32
  br label %next
found:
  %index = call i32 @llvm.cttz.i32(i32 %mask, i1 true)
  %wide = zext i32 %index to i64
  %where = getelementptr i8, ptr %at, i64 %wide
  ret ptr %where
}
declare i32 @llvm.cttz.i32(i32, i1)

define internal ptr @trimmed(ptr %text) {
entry:
  br label %next
next:
  %at = phi ptr [ %text, %entry ], [ %before, %next ]
  %before = getelementptr i8, ptr %at, i64 -1
  %byte = load i8, ptr %before
  %is_blank = icmp eq i8 %byte, 32
  %is_tab = icmp eq i8 %byte, 9
  %any = or i1 %is_blank, %is_tab
  br i1 %any, label %next, label %end
end:
  ret ptr %at
}

; nanoseconds since the epoch of a date and time, -1 where there is none
define internal i64 @civil(i64 %year, i64 %month, i64 %day, i64 %hour, i64 %minute, i64 %second) {
entry:
  %month_low = icmp eq i64 %month, 0
  %month_high = icmp ugt i64 %month, 12
  %month_wrong = or i1 %month_low, %month_high
  br i1 %month_wrong, label %wrong, label %dated
dated:
  %cell = getelementptr i8, ptr @month_days, i64 %month
  %small = load i8, ptr %cell
  %longest = zext i8 %small to i64
  %day_high = icmp ugt i64 %day, %longest
  %day_low = icmp eq i64 %day, 0
  %year_low = icmp ult i64 %year, 1970
  %year_high = icmp ugt i64 %year, $last_year
  %hour_high = icmp ugt i64 %hour, 23
  %minute_high = icmp ugt i64 %minute, 59
  %second_high = icmp ugt i64 %second, 60
  %a = or i1 %day_high, %day_low
  %b = or i1 %year_low, %year_high
  %c = or i1 %hour_high, %minute_high
  %d = or i1 %a, %second_high
  %e = or i1 %b, %c
  %any = or i1 %d, %e
  br i1 %any, label %wrong, label %right
right:
  %early = icmp ult i64 %month, 3
  %one = zext i1 %early to i64
  %y = sub i64 %year, %one
  %m9 = add i64 %month, 9
  %m = urem i64 %m9, 12
  %m153 = mul i64 %m, 153
  %m2 = add i64 %m153, 2
  %doy0 = udiv i64 %m2, 5
  %doy1 = add i64 %doy0, %day
  %era = udiv i64 %y, 400
  %yoe = urem i64 %y, 400
  %y365 = mul i64 %yoe, 365
  %y4 = udiv i64 %yoe, 4
  %y100 = udiv i64 %yoe, 100
  %doe0 = add i64 %y365, %y4
  %doe1 = sub i64 %doe0, %y100
  %doe2 = add i64 %doe1, %doy1
  %eras = mul i64 %era, 146097
  %days0 = add i64 %eras, %doe2
  %days = sub i64 %days0, 719469
  %h0 = mul i64 %days, 24
  %h = add i64 %h0, %hour
  %mi0 = mul i64 %h, 60
  %mi = add i64 %mi0, %minute
  %s0 = mul i64 %mi, 60
  %s = add i64 %s0, %second
  %ns = mul i64 %s, 1000000000
  ret i64 %ns
wrong:
  ret i64 -1
}

; names: @name_id keeps the last name of a kind at %last (pointer, length, id) and looks others up in an open hash
; table of ids + 1; entries are pairs of pointer and length; -2: the table is full, or the name is one that the
; portable engine has to judge (too long, two blanks in a row)
define internal i1 @same(ptr %left, ptr %right, i64 %length) {
entry:
  br label %next
next:
  %index = phi i64 [ 0, %entry ], [ %more, %equal ]
  %done = icmp eq i64 %index, %length
  br i1 %done, label %yes, label %compare
compare:
  %l = getelementptr i8, ptr %left, i64 %index
  %r = getelementptr i8, ptr %right, i64 %index
  %lb = load i8, ptr %l
  %rb = load i8, ptr %r
  %is = icmp eq i8 %lb, %rb
  br i1 %is, label %equal, label %no
equal:
  %more = add i64 %index, 1
  br label %next
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i32 @look_up(ptr %text, i64 %length, ptr %slots, ptr %entries, ptr %count) {
entry:
  br label %hashing
hashing:
  %index = phi i64 [ 0, %entry ], [ %more, %step ]
  %hash = phi i32 [ -2128831035, %entry ], [ %mixed, %step ]
  %done = icmp eq i64 %index, %length
  br i1 %done, label %hashed, label %step
step:
  %at = getelementptr i8, ptr %text, i64 %index
  %byte = load i8, ptr %at
  %wide = zext i8 %byte to i32
  %xored = xor i32 %hash, %wide
  %mixed = mul i32 %xored, 16777619
  %more = add i64 %index, 1
  br label %hashing
hashed:
  %high = lshr i32 %hash, 15
  %folded = xor i32 %hash, %high
  %start = and i32 %folded, $slot_mask
  br label %probe
probe:
  %slot = phi i32 [ %start, %hashed ], [ %wrapped, %differs ]
  %slot64 = zext i32 %slot to i64
  %cell = getelementptr i32, ptr %slots, i64 %slot64
  %stored = load i32, ptr %cell
  %empty = icmp eq i32 %stored, 0
  br i1 %empty, label %fresh, label %check
check:
  %id = sub i32 %stored, 1
  %id64 = zext i32 %id to i64
  %twice = shl i64 %id64, 1
  %entry_at = getelementptr i64, ptr %entries, i64 %twice
  %length_at = getelementptr i64, ptr %entry_at, i64 1
  %known = load ptr, ptr %entry_at
  %known_length = load i64, ptr %length_at
  %same_length = icmp eq i64 %known_length, %length
  br i1 %same_length, label %content, label %differs
content:
  %same = call i1 @same(ptr %known, ptr %text, i64 %length)
  br i1 %same, label %found, label %differs
differs:
  %following = add i32 %slot, 1
  %wrapped = and i32 %following, $slot_mask
  br label %probe
found:
  ret i32 %id
fresh:
  %names = load i64, ptr %count
  %full = icmp uge i64 %names, $name_limit
  %huge = icmp ugt i64 %length, $longest_name
  %refused = or i1 %full, %huge
  br i1 %refused, label %none, label %looking
looking:
  %place = phi i64 [ 0, %fresh ], [ %place_next, %further ]
  %before = phi i8 [ 0, %fresh ], [ %letter, %further ]
  %over = icmp eq i64 %place, %length
  br i1 %over, label %insert, label %letters
letters:
  %letter_at = getelementptr i8, ptr %text, i64 %place
  %letter = load i8, ptr %letter_at
  %blank = icmp eq i8 %letter, 32
  %blank_before = icmp eq i8 %before, 32
  %two_blanks = and i1 %blank, %blank_before
  br i1 %two_blanks, label %none, label %further
further:
  %place_next = add i64 %place, 1
  br label %looking
insert:
  %new_twice = shl i64 %names, 1
  %new_at = getelementptr i64, ptr %entries, i64 %new_twice
  %new_length_at = getelementptr i64, ptr %new_at, i64 1
  store ptr %text, ptr %new_at
  store i64 %length, ptr %new_length_at
  %new_names = add i64 %names, 1
  store i64 %new_names, ptr %count
  %new_id = trunc i64 %names to i32
  %new_stored = trunc i64 %new_names to i32
  store i32 %new_stored, ptr %cell
  ret i32 %new_id
none:
  ret i32 -2
}

define internal i32 @name_id(i64 %address, i64 %length, ptr %last, ptr %slots, ptr %entries, ptr %count) {
entry:
  %text = inttoptr i64 %address to ptr
  %length_at = getelementptr i64, ptr %last, i64 1
  %id_at = getelementptr i64, ptr %last, i64 2
  %last_text = load ptr, ptr %last
  %last_length = load i64, ptr %length_at
  %same_length = icmp eq i64 %last_length, %length
  br i1 %same_length, label %long, label %search
long:
  %enough = icmp uge i64 %length, 8
  br i1 %enough, label %head, label %search
head:
  br label %words
words:
  %index = phi i64 [ 0, %head ], [ %more, %equal ]
  %left = sub i64 %length, %index
  %tail = icmp ult i64 %left, 8
  %back = sub i64 %length, 8
  %from = select i1 %tail, i64 %back, i64 %index
  %l = getelementptr i8, ptr %text, i64 %from
  %r = getelementptr i8, ptr %last_text, i64 %from
  %lw = load i64, ptr %l, align 1
  %rw = load i64, ptr %r, align 1
  %is = icmp eq i64 %lw, %rw
  br i1 %is, label %equal, label %search
equal:
  %more = add i64 %from, 8
  %done = icmp uge i64 %more, %length
  br i1 %done, label %hit, label %words
hit:
  %last_id = load i64, ptr %id_at
  %small = trunc i64 %last_id to i32
  ret i32 %small
search:
  %id = call i32 @look_up(ptr %text, i64 %length, ptr %slots, ptr %entries, ptr %count)
  %wide = zext i32 %id to i64
  store ptr %text, ptr %last
  store i64 %length, ptr %length_at
  store i64 %wide, ptr %id_at
  ret i32 %id
}

; @number reads a number of a kind known at run time only, @rest a text up to the end of the line
define internal ptr @number(ptr %text, i64 %kind, i64 %low, i64 %high, i64 %limit, ptr %cell) noinline {
entry:
  switch i64 %kind, label %as_upper [ i64 0, label %as_decimal
                                      i64 1, label %as_lower ]
as_decimal:
  %decimal = call {ptr, i64} @decimal(ptr %text, i64 %low, i64 %high)
  br label %done
as_lower:
  %lower = call {ptr, i64} @lower(ptr %text, i64 %low, i64 %high)
  br label %done
as_upper:
  %upper = call {ptr, i64} @upper(ptr %text, i64 %low, i64 %high)
  br label %done
done:
  %both = phi {ptr, i64} [ %decimal, %as_decimal ], [ %lower, %as_lower ], [ %upper, %as_upper ]
  %place = extractvalue {ptr, i64} %both, 0
  %value = extractvalue {ptr, i64} %both, 1
  store i64 %value, ptr %cell
  %large = icmp ugt i64 %value, %limit
  %kept = select i1 %large, ptr inttoptr (i64 1 to ptr), ptr %place
  %none = icmp eq ptr %place, null
  %where = select i1 %none, ptr null, ptr %kept
  ret ptr %where
}

define internal ptr @rest(ptr %text, ptr %class) noinline {
entry:
  %stop = call ptr @skip(ptr %text, ptr %class, i64 1, i64 -1)
  %none = icmp eq ptr %stop, null
  br i1 %none, label %no, label %some
some:
  %byte = load i8, ptr %stop
  %high = icmp slt i8 %byte, 0
  br i1 %high, label %unclear, label %plain
plain:
  %end = call ptr @trimmed(ptr %stop)
  %any = icmp ugt ptr %end, %text
  br i1 %any, label %yes, label %no
yes:
  ret ptr %end
no:
  ret ptr null
unclear:
  ret ptr inttoptr (i64 1 to ptr)
}

; the end of a text field: class and literal as arguments, see scan_function in llvm_runtime.py
define internal ptr @scan(ptr %text, ptr %class, ptr %literal, i64 %length, i64 %certain) {
entry:
  %sure = icmp eq i64 %certain, 1
  %first = load i8, ptr %literal
  br label %member
member:
  %at = phi ptr [ %text, %entry ], [ %after, %advance ], [ %after, %compare ]
  %byte = load i8, ptr %at
  %code = zext i8 %byte to i64
  %cell = getelementptr i8, ptr %class, i64 %code
  %kind = load i8, ptr %cell
  switch i8 %kind, label %unclear [ i8 0, label %none
                                    i8 1, label %advance ]
advance:
  %after = getelementptr i8, ptr %at, i64 1
  %next = load i8, ptr %after
  %likely = icmp eq i8 %next, %first
  br i1 %likely, label %compare, label %member
compare:
  %is = call i1 @same(ptr %after, ptr %literal, i64 %length)
  br i1 %is, label %found, label %member
found:
  %behind = getelementptr i8, ptr %after, i64 %length
  br i1 %sure, label %finish, label %start
start:
  br label %again
again:
  %second = phi ptr [ %after, %start ], [ %second_next, %more ]
  %second_byte = load i8, ptr %second
  %second_code = zext i8 %second_byte to i64
  %second_cell = getelementptr i8, ptr %class, i64 %second_code
  %second_kind = load i8, ptr %second_cell
  %out = icmp eq i8 %second_kind, 0
  br i1 %out, label %finish, label %more
more:
  %second_next = getelementptr i8, ptr %second, i64 1
  %twice = call i1 @same(ptr %second_next, ptr %literal, i64 %length)
  br i1 %twice, label %unclear, label %again
finish:
  ret ptr %behind
none:
  ret ptr null
unclear:
  ret ptr inttoptr (i64 1 to ptr)
}
