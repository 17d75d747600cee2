//! `select!`, `join!`, `try_join!` and `pin!`.
//!
//! The first three are parsed here, with the compiler's own parser of patterns and expressions, and
//! expanded by `wakeful-macros`. `$crate` is passed on, so that the macros work under any name of
//! this package.

macro_rules! document_select {
    ($item:item) => {
        /// Polls several futures in the task, and runs the handler of the first one that is ready.
        ///
        /// ```
        /// use std::time::Duration;
        /// use wakeful::time::sleep;
        ///
        /// # wakeful::block_on(async {
        /// let first = wakeful::select! {
        ///     () = sleep(Duration::from_secs(60)) => "the sleep",
        ///     answer = async { 6 * 7 } => {
        ///         assert_eq!(answer, 42);
        ///         "the answer"
        ///     }
        /// };
        /// assert_eq!(first, "the answer");
        /// # });
        /// ```
        ///
        /// # Grammar
        ///
        /// ```text
        /// select! {
        ///     biased;                                           // optional
        ///     pattern = future => handler,                      // 1 to 64 branches
        ///     pattern = future, if precondition => handler,
        ///     else => expression,                               // optional
        /// }
        /// ```
        ///
        /// It is the grammar of tokio's macro. A handler is an expression; after a block in braces
        /// the comma is optional. The handlers and the expression after `else` have the same type,
        /// which is that of the whole.
        ///
        /// # What it does
        ///
        /// 1. All preconditions are evaluated. A branch whose precondition is false is disabled.
        /// 2. The expressions of all futures are evaluated, also those of disabled branches.
        ///    Anything that is [`IntoFuture`] is allowed.
        /// 3. The futures of the enabled branches are polled. If the output of one matches its
        ///    pattern, the wait is over. If not, the branch is disabled, and the others go on.
        /// 4. All futures are dropped.
        /// 5. The handler runs, with the variables of the pattern. If all branches are disabled,
        ///    the expression after `else` runs instead.
        ///
        /// Handlers run outside of the futures: `.await`, `?`, `break`, `continue` and `return`
        /// work in them, and they may use what the futures have borrowed.
        ///
        /// # The order of polls
        ///
        /// Each poll begins with a branch that is chosen at random, and continues in the order of
        /// the branches, so that a future that is always ready does not keep the others from
        /// running. The random numbers are those of the runtime, repeatable by
        /// [`Builder::rng_seed`](crate::Builder::rng_seed). With `biased;` each poll begins with
        /// the first branch; make sure that the last ones get their turn.
        ///
        /// If the cooperative budget of the task is used up, no future is polled, and the task
        /// yields, see [`task::coop`](crate::task::coop).
        ///
        /// # Panics
        ///
        /// If all branches are disabled and there is no `else`.
        ///
        /// # Cancel safety
        ///
        /// The futures of all branches but one are dropped before they are ready. So each future,
        /// if it is made in the `select!` of a loop, should be cancel-safe: nothing is lost when it
        /// is dropped. Those of Wakeful say so in their documentation. For a future that is not,
        /// make it before the loop, pin it, and use a reference:
        ///
        /// ```
        /// use std::time::Duration;
        /// use wakeful::time::{interval, sleep};
        ///
        /// # async fn store() { sleep(Duration::from_millis(5)).await }
        /// # wakeful::block_on(async {
        /// let mut ticks = interval(Duration::from_millis(1));
        /// let storing = store();
        /// wakeful::pin!(storing);
        /// loop {
        ///     wakeful::select! {
        ///         () = &mut storing => break,
        ///         _ = ticks.tick() => println!("still storing"),
        ///     }
        /// }
        /// # });
        /// ```
        ///
        /// # Examples
        ///
        /// A pattern that does not match disables its branch. `else` runs when all have been
        /// disabled:
        ///
        /// ```
        /// use wakeful::task::JoinSet;
        ///
        /// # wakeful::block_on(async {
        /// let (mut odd, mut even) = (JoinSet::new(), JoinSet::new());
        /// odd.spawn(async { 1 });
        /// even.spawn(async { 2 });
        /// even.spawn(async { 4 });
        /// let mut sum = 0;
        /// loop {
        ///     wakeful::select! {
        ///         Some(number) = odd.join_next() => sum += number.unwrap(),
        ///         Some(number) = even.join_next() => sum += number.unwrap(),
        ///         else => break,
        ///     }
        /// }
        /// assert_eq!(sum, 7);
        /// # });
        /// ```
        ///
        /// A precondition keeps a future from being polled again after it was ready:
        ///
        /// ```
        /// # wakeful::block_on(async {
        /// let (one, two) = (async { 1 }, async { 2 });
        /// wakeful::pin!(one, two);
        /// let (mut first, mut second) = (None, None);
        /// while first.is_none() || second.is_none() {
        ///     wakeful::select! {
        ///         number = &mut one, if first.is_none() => first = Some(number),
        ///         number = &mut two, if second.is_none() => second = Some(number),
        ///     }
        /// }
        /// assert_eq!((first, second), (Some(1), Some(2)));
        /// # });
        /// ```
        #[macro_export]
        $item
    };
}

#[cfg(doc)]
document_select! {macro_rules! select {
    {
        $(biased;)?
        $($pattern:pat = $future:expr $(, if $precondition:expr)? => $handler:expr,)*
        $(else => $otherwise:expr $(,)?)?
    } => {};
}}

#[cfg(not(doc))]
document_select! {macro_rules! select {
    // Each of these takes one branch and appends it to the second group. One step of recursion for
    // each branch: 64 of them are within the default limit.
    (@ ($($biased:ident)?) ($($branches:tt)*)) => {
        $crate::__private::__select!(($crate) ($($biased)?) ($($branches)*) ())
    };
    (@ ($($biased:ident)?) ($($branches:tt)*) else => $otherwise:expr $(,)?) => {
        $crate::__private::__select!(($crate) ($($biased)?) ($($branches)*) ($otherwise))
    };
    (@ $biased:tt ($($branches:tt)*)
        $pattern:pat = $future:expr $(, if $precondition:expr)? => { $($handler:tt)* }, $($rest:tt)*
    ) => {
        $crate::select!(@ $biased
            ($($branches)* (($pattern) ($future) ($($precondition)?) ({ $($handler)* }))) $($rest)*)
    };
    (@ $biased:tt ($($branches:tt)*)
        $pattern:pat = $future:expr $(, if $precondition:expr)? => { $($handler:tt)* } $($rest:tt)*
    ) => {
        $crate::select!(@ $biased
            ($($branches)* (($pattern) ($future) ($($precondition)?) ({ $($handler)* }))) $($rest)*)
    };
    (@ $biased:tt ($($branches:tt)*)
        $pattern:pat = $future:expr $(, if $precondition:expr)? => $handler:expr
    ) => {
        $crate::select!(@ $biased
            ($($branches)* (($pattern) ($future) ($($precondition)?) ($handler))))
    };
    (@ $biased:tt ($($branches:tt)*)
        $pattern:pat = $future:expr $(, if $precondition:expr)? => $handler:expr, $($rest:tt)*
    ) => {
        $crate::select!(@ $biased
            ($($branches)* (($pattern) ($future) ($($precondition)?) ($handler))) $($rest)*)
    };
    // The last of them: it does not accept a handler that is an expression in a variable of the
    // caller's own macro, and stops the search.
    (@ $biased:tt ($($branches:tt)*)
        $pattern:pat = $future:expr $(, if $precondition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::select!(@ $biased
            ($($branches)* (($pattern) ($future) ($($precondition)?) ($handler))) $($rest)*)
    };
    // The entry.
    ($(biased;)? else => $otherwise:expr $(,)?) => {{
        $otherwise
    }};
    (biased; $pattern:pat = $($rest:tt)*) => {
        $crate::select!(@ (biased) () $pattern = $($rest)*)
    };
    ($pattern:pat = $($rest:tt)*) => {
        $crate::select!(@ () () $pattern = $($rest)*)
    };
    ($(biased;)?) => {
        ::core::compile_error!("`select!` needs a branch: `pattern = future => handler`")
    };
}}

macro_rules! document_join {
    ($item:item) => {
        /// Polls several futures in the task until all of them are ready, and returns their
        /// outputs.
        ///
        /// ```
        /// # wakeful::block_on(async {
        /// let (one, two) = wakeful::join!(async { 1 }, async { "two" });
        /// assert_eq!((one, two), (1, "two"));
        /// # });
        /// ```
        ///
        /// The futures run concurrently, in the same task: while one waits, the others go on. A
        /// future that computes for long delays the others; to spread work over other tasks, join
        /// the handles of [`spawn`](crate::spawn). The futures are stored in the task, without an
        /// allocation. Anything that is [`IntoFuture`] is allowed, any number of times; without
        /// futures the result is `()`.
        ///
        /// Results are returned as they are, also errors. [`try_join!`](crate::try_join) ends at
        /// the first error.
        ///
        /// # The order of polls
        ///
        /// Each poll begins with another future: the first poll with the first one, the next with
        /// the second one. So a future that consumes the whole [budget](crate::task::coop) does not
        /// keep the others from running. With `biased;` before the futures, each poll begins with
        /// the first one:
        ///
        /// ```
        /// # wakeful::block_on(async {
        /// let (one, two) = wakeful::join!(biased; async { 1 }, async { 2 });
        /// # assert_eq!((one, two), (1, 2));
        /// # });
        /// ```
        ///
        /// # Cancel safety
        ///
        /// Dropping it drops all futures, and the outputs of those that were ready.
        #[macro_export]
        $item
    };
}

#[cfg(doc)]
document_join! {macro_rules! join {
    ($(biased;)? $($future:expr),* $(,)?) => {};
}}

#[cfg(not(doc))]
document_join! {macro_rules! join {
    ($(biased;)?) => {
        async {}.await
    };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__private::__join!(($crate) (biased) () ($(($future))+))
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__private::__join!(($crate) () () ($(($future))+))
    };
}}

macro_rules! document_try_join {
    ($item:item) => {
        /// Polls several futures in the task until all of them have succeeded, or until one fails.
        ///
        /// The outputs of the futures are [`Result`]s with the same type of error. The result is a
        /// tuple of the values, or the first error. The other futures are dropped on an error.
        ///
        /// ```
        /// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
        ///     text.parse()
        /// }
        ///
        /// # wakeful::block_on(async {
        /// let both = wakeful::try_join!(parse("6"), parse("7"));
        /// assert_eq!(both, Ok((6, 7)));
        /// let failed = wakeful::try_join!(parse("6"), parse("seven"));
        /// assert!(failed.is_err());
        /// # });
        /// ```
        ///
        /// The order of polls, `biased;` and what else it does are as for [`join!`](crate::join).
        /// Tasks that are joined by their handles are not cancelled on an error, as dropping a
        /// handle does not cancel its task.
        ///
        /// # Cancel safety
        ///
        /// Dropping it drops all futures, and the outputs of those that were ready.
        #[macro_export]
        $item
    };
}

#[cfg(doc)]
document_try_join! {macro_rules! try_join {
    ($(biased;)? $($future:expr),* $(,)?) => {};
}}

#[cfg(not(doc))]
document_try_join! {macro_rules! try_join {
    ($(biased;)?) => {
        async { ::core::result::Result::Ok(()) }.await
    };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__private::__join!(($crate) (biased) (try) ($(($future))+))
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__private::__join!(($crate) () (try) ($(($future))+))
    };
}}

/// Pins variables to the stack, or to the task if it is used in an async function.
///
/// Each variable is moved, and the name then stands for a `Pin<&mut _>` of the value, which can be
/// polled repeatedly:
///
/// ```
/// # wakeful::block_on(async {
/// let answer = async { 6 * 7 };
/// wakeful::pin!(answer);
/// assert_eq!((&mut answer).await, 42);
/// # });
/// ```
///
/// The macro takes names, as tokio's does, or whole `let` statements. For an expression there is
/// [`std::pin::pin!`].
///
/// ```
/// # wakeful::block_on(async {
/// wakeful::pin! {
///     let one = async { 1 };
///     let two = async { 2 };
/// }
/// assert_eq!((&mut two).await - (&mut one).await, 1);
/// # });
/// ```
#[macro_export]
macro_rules! pin {
    ($($variable:ident),* $(,)?) => {$(
        #[allow(unused_mut)]
        let mut $variable = ::core::pin::pin!($variable);
    )*};
    ($(let $variable:ident = $value:expr;)*) => {$(
        #[allow(unused_mut)]
        let mut $variable = ::core::pin::pin!($value);
    )*};
}
