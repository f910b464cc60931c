using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

public sealed class VariantReasonsTests
{
    [Theory]
    [InlineData(1, "l1")]
    [InlineData(6, "l1, l2, l3, l4, l5, l6")]
    [InlineData(31, "l1, l2, l3, l4, l5, l6 and 25 more")]
    public void Sentence_names_a_few_layers_and_counts_the_others(int layers, string expected)
        => Assert.Equal(expected, VariantReasons.Named(Enumerable.Range(1, layers).Select(number => $"l{number}")));
}
