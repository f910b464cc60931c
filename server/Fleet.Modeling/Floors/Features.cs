using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Fleet.Modeling.Floors;

/// <summary>Rows of features, as products with weights are made of them.</summary>
internal interface IFeatures
{
    /// <summary>Rows.</summary>
    int Count { get; }

    /// <summary>Features of a row.</summary>
    int Width { get; }

    /// <summary>Features that are not zero, or that nobody looked at.</summary>
    long Values { get; }

    /// <summary>Mean of the squared lengths of rows.</summary>
    double MeanSquare { get; }

    /// <summary>The product with weights (width, columns): a tensor (rows, columns) of the caller's dispose scope.</summary>
    Tensor Times(Memory<float> weights, int columns);

    /// <summary>The product of the transpose with a tensor (rows, columns), into an array (width, columns) from its beginning.</summary>
    void TransposedTimes(Tensor rows, float[] into);

    /// <summary>Some of the rows.</summary>
    IFeatures Pick(IReadOnlyList<int> rows);
}

/// <summary>Rows of which every feature is held.</summary>
/// <param name="values">Row by row.</param>
/// <param name="width">Features of a row.</param>
internal sealed class DenseFeatures(Memory<float> values, int width) : IFeatures, IDisposable
{
    private readonly Tensor _rows = tensor(values, [values.Length / width, width]).DetachFromDisposeScope();

    /// <inheritdoc/>
    public int Count => values.Length / width;

    /// <inheritdoc/>
    public int Width => width;

    /// <inheritdoc/>
    public long Values => values.Length;

    /// <inheritdoc/>
    public double MeanSquare => (double)TensorPrimitives.SumOfSquares<float>(values.Span) / Count;

    /// <inheritdoc/>
    public Tensor Times(Memory<float> weights, int columns)
    {
        using var factors = tensor(weights, [width, columns]);
        return _rows.mm(factors);
    }

    /// <inheritdoc/>
    public void TransposedTimes(Tensor rows, float[] into)
    {
        using var product = _rows.t().mm(rows);
        product.data<float>().CopyTo(into);
    }

    /// <inheritdoc/>
    public IFeatures Pick(IReadOnlyList<int> rows)
    {
        var picked = new float[rows.Count * width];
        for (var i = 0; i < rows.Count; i++) values.Span.Slice(rows[i] * width, width).CopyTo(picked.AsSpan(i * width));
        return new DenseFeatures(picked, width);
    }

    /// <inheritdoc/>
    public void Dispose() => _rows.Dispose();
}

/// <summary>Rows of which few features are not zero.</summary>
/// <param name="width">Features of a row.</param>
/// <param name="rows">Place and value of those that are not zero.</param>
internal sealed class SparseFeatures(int width, (int Place, float Value)[][] rows) : IFeatures
{
    /// <inheritdoc/>
    public int Count => rows.Length;

    /// <inheritdoc/>
    public int Width => width;

    /// <inheritdoc/>
    public long Values { get; } = rows.Sum(row => (long)row.Length);

    /// <inheritdoc/>
    public double MeanSquare => rows.Average(row => row.Sum(feature => (double)feature.Value * feature.Value));

    /// <inheritdoc/>
    public Tensor Times(Memory<float> weights, int columns)
    {
        var product = new float[rows.Length * columns];
        var factors = weights.Span;
        for (var row = 0; row < rows.Length; row++)
        {
            var own = product.AsSpan(row * columns, columns);
            foreach (var (place, value) in rows[row])
                TensorPrimitives.MultiplyAdd(factors.Slice(place * columns, columns), value, own, own);
        }
        return tensor(product, [rows.Length, columns]);
    }

    /// <inheritdoc/>
    public void TransposedTimes(Tensor other, float[] into)
    {
        var (columns, factors) = ((int)other.size(1), other.data<float>().ToArray());
        into.AsSpan(0, width * columns).Clear();
        for (var row = 0; row < rows.Length; row++)
        {
            var own = factors.AsSpan(row * columns, columns);
            foreach (var (place, value) in rows[row])
            {
                var sum = into.AsSpan(place * columns, columns);
                TensorPrimitives.MultiplyAdd(own, value, sum, sum);
            }
        }
    }

    /// <inheritdoc/>
    public IFeatures Pick(IReadOnlyList<int> picked) => new SparseFeatures(width, [.. picked.Select(row => rows[row])]);

    /// <summary>All features of all rows.</summary>
    public float[] Dense()
    {
        var values = new float[rows.Length * width];
        for (var row = 0; row < rows.Length; row++)
        {
            foreach (var (place, value) in rows[row]) values[row * width + place] = value;
        }
        return values;
    }
}
