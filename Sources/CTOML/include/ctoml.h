#ifndef MIMAMORI_CTOML_H
#define MIMAMORI_CTOML_H
#endif
