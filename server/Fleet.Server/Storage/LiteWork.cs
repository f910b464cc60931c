using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>Something to do on the database's thread.</summary>
internal abstract class LiteWork
{
    /// <summary>
    /// Does it inside the group's transaction. A planned refusal is set as the result; what is thrown fails the whole group.
    /// </summary>
    public abstract void Apply(LiteDatabase database, FreeSpace space);

    /// <summary>Answers: the transaction is on disk.</summary>
    public abstract void Complete();

    /// <summary>Answers: the transaction failed.</summary>
    public abstract void Fail(StoreException failure);
}

/// <summary>Work that answers with a value.</summary>
/// <param name="writes">What it writes: not everything may use the last space.</param>
/// <param name="action">What it does.</param>
/// <param name="cancellationToken">Withdraws it until its transaction has begun.</param>
internal sealed class LiteWork<T>(Writes writes, Func<LiteDatabase, T> action, CancellationToken cancellationToken) : LiteWork
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _value;
    private Exception? _refusal;

    /// <summary>The answer.</summary>
    public Task<T> Result => _result.Task;

    /// <inheritdoc/>
    public override void Apply(LiteDatabase database, FreeSpace space)
    {
        try
        {
            // The last moment to withdraw: from here on it is part of a transaction.
            cancellationToken.ThrowIfCancellationRequested();
            space.ThrowIfShort(writes);
            _value = action(database);
        }
        catch (Exception e) when (e is VersionConflictException or StoreException { Failure: StoreFailure.Full } or ArgumentException
            or OperationCanceledException)
        {
            _refusal = e;
        }
    }

    /// <inheritdoc/>
    public override void Complete()
    {
        if (_refusal is OperationCanceledException) _result.TrySetCanceled(cancellationToken);
        else if (_refusal is not null) _result.TrySetException(_refusal);
        else _result.TrySetResult(_value!);
    }

    /// <inheritdoc/>
    public override void Fail(StoreException failure) => _result.TrySetException(_refusal as StoreException ?? failure);
}
