using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Fleet.Agent.Children;

/// <summary>Lines of a stream between agent and child. A line beyond the maximum ends the conversation instead of filling memory.</summary>
internal static class JsonLines
{
    /// <summary>Yields each line without its newline; it is valid until the next one is asked for.</summary>
    /// <exception cref="InvalidDataException">A line is longer than <paramref name="maximumBytes"/>.</exception>
    public static async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        Stream stream, int maximumBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                yield return buffer.Slice(0, end).ToArray();
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }
            if (buffer.Length > maximumBytes) throw new InvalidDataException($"A line is longer than the {maximumBytes:N0} bytes allowed.");
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted) yield break;
        }
    }
}
